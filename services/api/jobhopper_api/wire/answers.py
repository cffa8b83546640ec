"""The bodies that Jobhopper answers with, and how they are made of the core's values."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from jobhopper_api.wire import fields
from jobhopper_core.model import access
from jobhopper_core.model.job import Attempt, ClaimedJob, Job
from jobhopper_core.model.queue import Backoff
from jobhopper_core.model.times import to_text

Receipt = Literal["rabbitmq", "mysql"]


class Created(msgspec.Struct):
    """One job was accepted; `receipt` says where it is durable."""

    id: fields.JobId
    receipt: Receipt
    duplicate: bool = False


class CreatedOne(msgspec.Struct):
    """One of several jobs that were accepted."""

    id: fields.JobId
    duplicate: bool = False


class CreatedMany(msgspec.Struct):
    """Jobs were accepted, in the order sent."""

    jobs: list[CreatedOne]
    receipt: Receipt


class LeaseToken(msgspec.Struct):
    """The proof of a claim; send the newest one with every update."""

    token: str
    expires_at: fields.ShownTime


class Claimed(msgspec.Struct):
    """A job in a worker's hands."""

    id: fields.JobId
    queue: str
    type: str
    payload: Raw
    priority: int
    run_at: fields.ShownTime
    attempt: int
    max_attempts: int
    progress: Raw
    created_at: fields.ShownTime
    traceparent: str | None
    provisional: bool
    lease: LeaseToken


class Claims(msgspec.Struct):
    """What a claim got; empty when there was nothing to do."""

    jobs: list[Claimed]


class Updated(msgspec.Struct, omit_defaults=True):
    """A worker's update was accepted; `lease` is the new token after an extension."""

    id: fields.JobId
    receipt: Receipt
    lease: LeaseToken | UnsetType = UNSET


class UpdatedOne(msgspec.Struct, omit_defaults=True):
    """What became of one update of a batch: a status as if it had been sent alone."""

    id: str | None
    status: int
    receipt: Receipt | UnsetType = UNSET
    lease: LeaseToken | UnsetType = UNSET
    code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class UpdatedMany(msgspec.Struct):
    """What became of each update, in the order sent."""

    updates: list[UpdatedOne]


class AttemptView(msgspec.Struct):
    """An attempt that did not succeed."""

    attempt: int
    outcome: Literal["failed", "expired", "released"]
    error: Raw
    worker: str | None
    started_at: fields.ShownTime | None
    ended_at: fields.ShownTime


class JobSummary(msgspec.Struct):
    """A job as lists show it."""

    id: fields.JobId
    queue: str
    type: str
    status: fields.StatusName
    priority: int
    run_at: fields.ShownTime
    attempt: int
    failures: int
    max_attempts: int
    silenced: bool
    worker: str | None
    lease_until: fields.ShownTime | None
    created_at: fields.ShownTime
    updated_at: fields.ShownTime
    finished_at: fields.ShownTime | None
    error: Raw
    progress: Raw


class TopJob(JobSummary, kw_only=True):
    """A top pick: with its payload."""

    payload: Raw


class JobView(TopJob, kw_only=True):
    """A whole job, with its unsuccessful attempts, oldest first.

    `stale` is there, and true, while MySQL is away: the job as the hopper holds it.
    """

    result: Raw
    attempts: list[AttemptView]
    stale: bool | UnsetType = UNSET


class JobPage(msgspec.Struct):
    """A page of jobs, newest first; `next` goes on, null at the end."""

    jobs: list[JobSummary]
    next: str | None


class OnItsWay(msgspec.Struct):
    """A job that was accepted and is not in the database yet."""

    id: str
    status: Literal["accepted"] = "accepted"


class TopJobs(msgspec.Struct):
    """The jobs that would be claimed next, in that order.

    `stale` is there, and true, while MySQL is away: the jobs as the hopper holds them.
    """

    jobs: list[TopJob]
    next: str | None = None
    stale: bool | UnsetType = UNSET


class Depths(msgspec.Struct):
    """How many jobs a queue holds by status; silenced ones are counted apart, whatever theirs."""

    scheduled: int = 0
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    silenced: int = 0


class QueueView(msgspec.Struct):
    """A queue: settings (times in seconds), depth, and how long its oldest ready job waits."""

    name: str
    paused: bool
    lease: int
    max_attempts: int
    backoff: Backoff
    silence_after: int | None
    depth: Depths
    oldest_ready_age: float | None


class QueuePage(msgspec.Struct):
    """A page of queues by name; `next` goes on, null at the end."""

    queues: list[QueueView]
    next: str | None


class DeadLetterView(msgspec.Struct):
    """A message that could not be applied, and why.

    `lane` and `shard` say which queue of RabbitMQ it came from, `queue` whose jobs it is about
    when that is one queue and known. `content` holds its writes as they stand in RabbitMQ, null
    when they can't be read or are too long; then `body` holds its first bytes in base64.
    `truncated` when neither shows all of it; `size` in bytes.
    """

    id: str
    message_id: str | None
    lane: Literal["creates", "updates"] | None
    shard: int | None
    queue: str | None
    error: str | None
    code: str | None
    died_at: fields.ShownTime | None
    writes: int | None
    size: int
    truncated: bool
    content: list[Raw] | None
    body: str | None


class DeadLetterList(msgspec.Struct):
    """Dead letters, the oldest first; `more` when others wait behind them."""

    letters: list[DeadLetterView]
    more: bool


class Resent(msgspec.Struct):
    """A dead letter is on its way again: RabbitMQ has it in the queue that it came from."""

    id: str
    receipt: Literal["rabbitmq"]
    lane: Literal["creates", "updates"]
    shard: int


class KeyView(msgspec.Struct):
    """An API key without its secret."""

    id: str
    name: str
    scopes: dict[access.Scope, list[str]]
    created_at: fields.ShownTime


class NewKeyView(KeyView, kw_only=True):
    """A new API key; `key` is shown this once."""

    key: str


class KeyPage(msgspec.Struct):
    """A page of keys by id; `next` goes on, null at the end."""

    keys: list[KeyView]
    next: str | None


class StoreView(msgspec.Struct):
    """A store: whether it answers, since when it has been so, and the state of its breaker."""

    up: bool
    since: fields.ShownTime
    breaker: Literal["closed", "open", "half_open"]


class OutageView(msgspec.Struct):
    """The outage mode: its phase, since when, and how many API processes reach MySQL."""

    phase: Literal["none", "down", "catching_up", "closing"]
    since: fields.ShownTime | None
    replicas: int
    reaching: int


class SystemView(msgspec.Struct):
    """What is running and how it is."""

    version: str
    mode: Literal["normal", "embedded"]
    started_at: fields.ShownTime
    time: fields.ShownTime
    shards: int
    stores: dict[str, StoreView]
    outage: OutageView


class AuditCheck(msgspec.Struct):
    """A comparison: how much was looked at, how much does not agree, and some of that."""

    name: str
    compared: int
    drift: int
    examples: list[str]


class AuditView(msgspec.Struct):
    """The newest audit."""

    at: fields.ShownTime
    checks: list[AuditCheck]


class FieldError(msgspec.Struct):
    """What is wrong with one field: a JSON pointer into the body, or a parameter's name."""

    field: str
    message: str


class Problem(msgspec.Struct):
    """An error (RFC 9457). `code` is stable and documented with what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | UnsetType = UNSET


def raw(text: str | None) -> Raw:
    """JSON text as it came; null where there is none."""
    return Raw(text.encode()) if text is not None else Raw(b"null")


def time(us: int | None) -> str | None:
    """A time, or null."""
    return None if us is None else to_text(us)


def claimed(job: ClaimedJob, token: str) -> Claimed:
    """A job with the token of its claim."""
    return Claimed(
        job.id,
        job.queue,
        job.type,
        raw(job.payload),
        job.priority,
        to_text(job.run_at),
        job.attempt,
        job.max_attempts,
        raw(job.progress),
        to_text(job.created_at),
        job.traceparent,
        job.path == "provisional",
        LeaseToken(token, to_text(job.lease_until)),
    )


def summary(job: Job) -> JobSummary:
    """A job as lists show it."""
    return JobSummary(**_summary_fields(job))


def top_job(job: Job) -> TopJob:
    """A job as the top picks show it."""
    return TopJob(**_summary_fields(job), payload=raw(job.payload))


def whole(job: Job, attempts: list[Attempt], stale: bool = False) -> JobView:
    """A whole job; `stale` when it comes from the hopper."""
    return JobView(
        **_summary_fields(job),
        payload=raw(job.payload),
        result=raw(job.result),
        attempts=[_attempt(one) for one in attempts],
        stale=stale or UNSET,
    )


def key(one: access.ApiKey) -> KeyView:
    """An API key without its secret."""
    return KeyView(one.id, one.name, one.scopes, to_text(one.created_at))


def _attempt(one: Attempt) -> AttemptView:
    return AttemptView(
        attempt=one.attempt,
        outcome=one.outcome,  # type: ignore[arg-type]
        error=raw(one.error),
        worker=one.worker,
        started_at=time(one.started_at),
        ended_at=to_text(one.ended_at),
    )


def _summary_fields(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "queue": job.queue,
        "type": job.type,
        "status": job.status.value,
        "priority": job.priority,
        "run_at": to_text(job.run_at),
        "attempt": job.attempt,
        "failures": job.failures,
        "max_attempts": job.max_attempts,
        "silenced": job.silenced,
        "worker": job.worker,
        "lease_until": time(job.lease_until),
        "created_at": to_text(job.created_at),
        "updated_at": to_text(job.updated_at),
        "finished_at": time(job.finished_at),
        "error": raw(job.error),
        "progress": raw(job.progress),
    }
