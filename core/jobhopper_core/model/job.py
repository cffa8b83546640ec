"""The job, its attempts, and what a claim hands out, as the rest of the code holds them.

Times are whole microseconds since 1970; payload, result, error and progress are JSON text,
kept as they came.
"""

from typing import NamedTuple

from jobhopper_core.model.states import Status


class Job(NamedTuple):
    """One row of the table `jobs`, in the order of `store.columns.JOB`."""

    id: str
    queue: str
    type: str
    status: Status
    priority: int
    run_at: int
    attempt: int
    failures: int
    max_attempts: int
    silenced: bool
    worker: str | None
    lease_until: int | None
    created_at: int
    updated_at: int
    finished_at: int | None
    error: str | None
    progress: str | None
    payload: str | None
    result: str | None


class Attempt(NamedTuple):
    """An attempt that did not succeed."""

    attempt: int
    outcome: str
    error: str | None
    worker: str | None
    started_at: int | None
    ended_at: int


class ClaimedJob(NamedTuple):
    """A job in the hands of a worker, with the claim that fences its updates."""

    id: str
    queue: str
    type: str
    payload: str | None
    priority: int
    run_at: int
    attempt: int
    max_attempts: int
    progress: str | None
    created_at: int
    traceparent: str | None
    claim_id: str
    lease_until: int
    # Where it was found: straight in MySQL, by the hopper, or in the hopper alone (provisional).
    path: str = "mysql"
    # The row's updated_at as the claim set it (µs); 0 where that is not known.
    claimed_at: int = 0


class Demand(NamedTuple):
    """What one waiting worker asks of a queue: up to `jobs` jobs.

    `lease` is in µs; None takes the queue's default.
    """

    jobs: int
    lease: int | None
    worker: str | None
