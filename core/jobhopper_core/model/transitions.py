"""What each move does to a job: pure functions on `JobState`, one a move.

The store reads rows into `JobState`, calls these, and writes back what changed. `states`
decides whether a move is allowed; these raise ValueError where it is not, because by then
the caller has to have asked.
"""

from dataclasses import dataclass, field

from jobhopper_core.model.states import FINAL, Move, Status, target
from jobhopper_core.model.times import floor_ms
from jobhopper_core.model.writes import Ending


@dataclass(slots=True)
class JobState:
    """The part of a job that moves change; `bodies` holds only the body columns to be written."""

    id: str
    queue: str
    status: Status
    priority: int
    run_at: int
    attempt: int
    failures: int
    max_attempts: int
    silenced: bool
    claim_id: str | None
    lease_until: int | None
    started_at: int | None
    worker: str | None
    progress_at: int | None
    updated_at: int
    finished_at: int | None
    bodies: dict[str, str | None] = field(default_factory=dict)

    def copy(self) -> "JobState":
        """The same state, so that a later one can be compared with it."""
        # Word for word: `dataclasses.replace` takes seven times as long, for each job of a batch.
        return JobState(
            self.id,
            self.queue,
            self.status,
            self.priority,
            self.run_at,
            self.attempt,
            self.failures,
            self.max_attempts,
            self.silenced,
            self.claim_id,
            self.lease_until,
            self.started_at,
            self.worker,
            self.progress_at,
            self.updated_at,
            self.finished_at,
        )

    @property
    def ready_queue(self) -> str | None:
        """The queue while the job may be claimed, else None; the ready index holds this."""
        return self.queue if self.status is Status.QUEUED and not self.silenced else None

    @property
    def due_at(self) -> int | None:
        """When a timer has to look at the job: at its run_at or at its lease's end."""
        if self.status is Status.RUNNING:
            return self.lease_until
        return self.run_at if self.status is Status.SCHEDULED and not self.silenced else None


@dataclass(slots=True, frozen=True)
class EndedAttempt:
    """An unsuccessful attempt, as `job_attempts` records it; `error` is JSON text."""

    job_id: str
    attempt: int
    outcome: Ending
    error: str | None
    worker: str | None
    started_at: int | None
    ended_at: int


def promote(job: JobState, now: int) -> None:
    """A scheduled job whose time has come can be claimed."""
    _move(job, Move.PROMOTE, now)


def claim(job: JobState, at: int, claim_id: str, until: int, worker: str | None) -> None:
    """A worker has the job: its next attempt began at `at`, and its lease ends at `until`."""
    _move(job, Move.CLAIM, at)
    job.attempt += 1
    job.claim_id = claim_id
    job.lease_until = until
    job.started_at = at
    job.worker = worker
    # Whoever has a job in hand is not hidden; it was handed out before it was silenced.
    job.silenced = False


def extend(job: JobState, at: int, until: int | None, progress: str | None) -> None:
    """A heartbeat: a later end of the lease, newer progress; never an earlier or older one."""
    if until is not None and job.lease_until is not None:
        job.lease_until = max(job.lease_until, until)
    note_progress(job, at, progress)
    _touch(job, at)


def note_progress(job: JobState, at: int, progress: str | None) -> None:
    """Keeps progress reported at `at` unless newer progress is there already."""
    if progress is not None and (job.progress_at is None or at >= job.progress_at):
        job.progress_at = at
        job.bodies["progress"] = progress


def succeed(job: JobState, at: int, result: str | None) -> None:
    """The job is done; the last failure's error no longer describes it."""
    _move(job, Move.SUCCEED, at)
    job.bodies["result"] = result
    job.bodies["error"] = None


def fail(job: JobState, at: int, now: int, error: str | None, wait: int | None) -> EndedAttempt:
    """An attempt failed. `wait` (µs) until the next one, or None for no further attempt."""
    return _end_unsuccessfully(job, Ending.FAILED, at, now, error, wait)


def expire(job: JobState, now: int, error: str, wait: int | None) -> EndedAttempt:
    """A lease ran out; this is a failure like any other."""
    return _end_unsuccessfully(job, Ending.EXPIRED, now, now, error, wait)


def release(job: JobState, at: int) -> EndedAttempt:
    """A worker gave the job back undone; it keeps its place and its count of failures."""
    ended = _ended(job, Ending.RELEASED, at, None)
    _move(job, Move.RELEASE, at)
    return ended


def cancel(job: JobState, at: int) -> None:
    """An operator ended the job; its worker learns of it at the next heartbeat."""
    _move(job, Move.CANCEL, at)


def redrive(job: JobState, at: int) -> None:
    """An operator sends a failed or cancelled job round again, as if new."""
    _move(job, Move.REDRIVE, at)
    job.failures = 0
    job.silenced = False
    job.run_at = floor_ms(at)
    job.bodies["error"] = None


def set_run_at(job: JobState, at: int, now: int, run_at: int) -> None:
    """An operator moves the job in time: ahead it waits, else it can be claimed."""
    _move(job, Move.POSTPONE if run_at > now else Move.ADVANCE, at)
    job.run_at = floor_ms(run_at)


def set_priority(job: JobState, at: int, priority: int) -> None:
    """An operator moves the job in its queue."""
    job.priority = priority
    _touch(job, at)


def set_silenced(job: JobState, at: int, *, silenced: bool) -> None:
    """Silencing hides a job that is not running; unsilencing makes it fresh again."""
    job.silenced = silenced
    _touch(job, at)


def tries_left(job: JobState) -> bool:
    """Whether another attempt may follow once the present one has failed."""
    return job.failures + 1 < job.max_attempts


def _end_unsuccessfully(
    job: JobState, outcome: Ending, at: int, now: int, error: str | None, wait: int | None
) -> EndedAttempt:
    ended = _ended(job, outcome, at, error)
    job.failures += 1
    job.bodies["error"] = error
    if wait is None:
        _move(job, Move.FAIL, at)
        return ended
    job.run_at = floor_ms(at + wait)
    _move(job, Move.RETRY if job.run_at > now else Move.RETRY_NOW, at)
    return ended


def _ended(job: JobState, outcome: Ending, at: int, error: str | None) -> EndedAttempt:
    return EndedAttempt(job.id, job.attempt, outcome, error, job.worker, job.started_at, at)


def _move(job: JobState, move: Move, at: int) -> None:
    after = target(move, job.status)
    if after is None:
        raise ValueError(f"{move} is not allowed from {job.status}")
    job.status = after
    job.claim_id = None
    job.lease_until = None
    job.finished_at = at if after in FINAL else None
    _touch(job, at)


def _touch(job: JobState, at: int) -> None:
    # Acceptance times of different replicas may cross; a row's own time only goes up.
    job.updated_at = max(job.updated_at, at)
