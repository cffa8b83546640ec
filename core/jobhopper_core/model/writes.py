"""Writes: the changes to jobs that travel from the API to the database.

One write changes one job. It carries all that its effect depends on: when it was accepted
(`at`), and for a worker's update the claim it belongs to. So it can be applied late, twice,
or beside others, always with the same result.
"""

from enum import StrEnum

import msgspec


class Key(msgspec.Struct):
    """An Idempotency-Key: the hashes of it and of its body (hex), how many jobs it stands for."""

    digest: str
    body: str
    jobs: int


class Create(msgspec.Struct, tag_field="op", tag="create", omit_defaults=True):
    """A new job. `run_at` is None unless the producer gave one; times in µs since 1970."""

    id: str
    at: int
    queue: str
    type: str
    payload: str
    priority: int
    max_attempts: int
    run_at: int | None = None
    traceparent: str | None = None
    # Its queue may not exist: nobody could be asked.
    new_queue: bool = False
    # On the first job of a request: the Idempotency-Key that only Redis knows.
    key: Key | None = None


class _Tries(msgspec.Struct, kw_only=True):
    # How often it was sent again, behind the claim that it belongs to.
    again: int = 0


class _Update(_Tries, tag_field="op", omit_defaults=True):
    """What every worker's update has: the job, the time of acceptance, and the claim."""

    id: str
    at: int
    claim_id: str
    attempt: int


class Claim(_Update, tag="claim", kw_only=True):
    """A job was handed out while the database was away; `attempt` is the one that began.

    `until` is the end of the lease (µs).
    """

    until: int
    worker: str | None = None


class Extend(_Update, tag="extend"):
    """Keeps the lease until at least `until` (µs), and/or reports progress (JSON text)."""

    until: int | None = None
    progress: str | None = None


class Succeed(_Update, tag="succeed"):
    """The job is done; `result` is JSON text."""

    result: str | None = None
    progress: str | None = None


class Fail(_Update, tag="fail"):
    """The attempt failed; `error` is JSON text.

    `retry_in` (µs) stands in for the queue's backoff; `retry` False ends the job at once.
    """

    error: str | None = None
    retry_in: int | None = None
    retry: bool = True
    progress: str | None = None


class Release(_Update, tag="release"):
    """The worker gives the job back undone; this counts as no failure."""

    progress: str | None = None


Update = Claim | Extend | Succeed | Fail | Release
Write = Create | Update


class Outcome(StrEnum):
    """What became of a write. All but the first two are skips, counted by this reason."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    STALE_CLAIM = "stale_claim"
    CANCELLED = "cancelled"
    NOT_RUNNING = "not_running"
    # The claim that the update belongs to has not been applied yet.
    AHEAD = "ahead"


class Ending(StrEnum):
    """How an unsuccessful attempt ended."""

    FAILED = "failed"
    EXPIRED = "expired"
    RELEASED = "released"
