"""A small model of the life cycle, written from the promises and not from the code.

Jobs are plain records in a dict. It knows the default settings of a queue and chance in the
middle, so that every wait is known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobhopper_core.model.job import ClaimedJob, Job
from jobhopper_core.model.states import Status
from jobhopper_core.model.writes import Create, Extend, Fail, Release, Succeed, Update

SECOND = 1_000_000
OVER = ("succeeded", "failed", "cancelled")


def ms(us: int) -> int:
    return us // 1000 * 1000


@dataclass
class ModelJob:
    id: str
    queue: str
    type: str
    payload: str | None
    priority: int
    max_attempts: int
    created_at: int
    run_at: int
    status: str
    updated_at: int
    attempt: int = 0
    failures: int = 0
    silenced: bool = False
    claim_id: str | None = None
    lease_until: int | None = None
    worker: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    progress: str | None = None
    progress_at: int = 0
    error: str | None = None
    result: str | None = None
    endings: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return self.status == "queued" and not self.silenced

    @property
    def place(self) -> tuple[int, int, str]:
        return self.priority, self.run_at, self.id

    def as_job(self) -> Job:
        """As the store shows it."""
        shown = {name: getattr(self, name) for name in Job._fields}
        return Job(**shown | {"status": Status(self.status)})

    def as_attempts(self) -> list[tuple[Any, ...]]:
        return [(attempt, *ending) for attempt, ending in sorted(self.endings.items())]

    def touch(self, at: int) -> None:
        self.updated_at = max(self.updated_at, at)

    def go(self, status: str, at: int) -> None:
        self.status, self.claim_id, self.lease_until = status, None, None
        self.finished_at = at if status in OVER else None
        self.touch(at)

    def record(self, outcome: str, error: str | None, at: int) -> None:
        self.endings[self.attempt] = (outcome, error, self.worker, self.started_at, at)

    def fail(self, outcome: str, error: str | None, at: int, now: int, wait: int | None) -> None:
        self.record(outcome, error, at)
        self.failures += 1
        self.error = error
        if wait is None or self.failures >= self.max_attempts:
            self.go("failed", at)
            return
        self.run_at = ms(at + wait)
        self.go("scheduled" if self.run_at > now else "queued", at)

    def backoff(self) -> int:
        return min(3600, 5 * 2**self.failures) * SECOND


class LifeModel:
    """All jobs, by id; each method answers what the store has to answer."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.paused: set[str] = set()

    def ready(self, queue: str) -> list[ModelJob]:
        found = [job for job in self.jobs.values() if job.queue == queue and job.ready]
        return sorted(found, key=lambda job: job.place)

    def depths(self, queue: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for job in self.jobs.values():
            if job.queue == queue:
                name = "silenced" if job.silenced else job.status
                found[name] = found.get(name, 0) + 1
        return found

    def create(self, new: Create, now: int) -> str:
        if new.id in self.jobs:
            return "duplicate"
        ahead = new.run_at is not None and new.run_at > now
        self.jobs[new.id] = ModelJob(
            new.id,
            new.queue,
            new.type,
            new.payload,
            new.priority,
            new.max_attempts,
            created_at=new.at,
            run_at=ms(new.at if new.run_at is None else new.run_at),
            status="scheduled" if ahead else "queued",
            updated_at=new.at,
        )
        return "applied"

    def claim(self, queue: str, count: int, until: int, worker: str, now: int) -> list[ModelJob]:
        picks = [] if queue in self.paused else self.ready(queue)[:count]
        for job in picks:
            job.go("running", now)
            job.attempt += 1
            job.lease_until, job.worker, job.started_at = until, worker, now
        return picks

    def bear(self, claimed: ClaimedJob) -> None:
        """Notes the claim's id, which is the store's to choose."""
        self.jobs[claimed.id].claim_id = claimed.claim_id

    def update(self, update: Update, now: int) -> str:
        job = self.jobs.get(update.id)
        if job is None:
            return "not_found"
        if job.status == "running" and job.claim_id == update.claim_id:
            self._apply(job, update, now)
            return "applied"
        return "duplicate" if self._is_repeat(job, update) else self._why_not(job, update)

    def _apply(self, job: ModelJob, update: Update, now: int) -> None:
        match update:
            case Extend():
                job.lease_until = max(job.lease_until or 0, update.until or 0)
                job.touch(update.at)
            case Succeed():
                job.result, job.error = update.result, None
                job.go("succeeded", update.at)
            case Fail():
                wait = job.backoff() if update.retry_in is None else update.retry_in
                job.fail("failed", update.error, update.at, now, wait if update.retry else None)
            case Release():
                job.record("released", None, update.at)
                job.go("queued", update.at)
        if update.progress is not None and update.at >= job.progress_at:
            job.progress, job.progress_at = update.progress, update.at

    def _is_repeat(self, job: ModelJob, update: Update) -> bool:
        ending = job.endings.get(update.attempt, (None, None))[:2]
        match update:
            case Succeed():
                same_attempt = job.status == "succeeded" and job.attempt == update.attempt
                return same_attempt and job.result == update.result
            case Fail():
                return ending == ("failed", update.error)
            case Release():
                return ending == ("released", None)
        return False

    def _why_not(self, job: ModelJob, update: Update) -> str:
        if job.status not in OVER or job.attempt != update.attempt:
            return "stale_claim"
        return "cancelled" if job.status == "cancelled" else "not_running"

    def expire(self, before: int, now: int, error: str) -> list[ModelJob]:
        over = [
            job
            for job in self.jobs.values()
            if job.status == "running" and job.lease_until is not None and job.lease_until < before
        ]
        for job in over:
            job.fail("expired", error, now, now, job.backoff())
        return over

    def promote(self, now: int) -> list[ModelJob]:
        return self._move(
            lambda job: job.status == "scheduled" and not job.silenced and job.run_at <= now,
            lambda job: job.go("queued", now),
        )

    def _move(
        self, which: Callable[[ModelJob], bool], how: Callable[[ModelJob], None]
    ) -> list[ModelJob]:
        found = [job for job in self.jobs.values() if which(job)]
        for job in found:
            how(job)
        return found

    def cancel(self, job: ModelJob, now: int) -> str:
        if job.status in OVER:
            return "wrong_status"
        job.go("cancelled", now)
        return "done"

    def redrive(self, job: ModelJob, now: int) -> str:
        if job.status == "running":
            return "running"
        if job.status not in {"failed", "cancelled"}:
            return "wrong_status"
        job.go("queued", now)
        job.failures, job.silenced, job.error, job.run_at = 0, False, None, ms(now)
        return "done"

    def silence(self, job: ModelJob, now: int, *, silenced: bool) -> str:
        if job.status == "running" and silenced:
            return "running"
        if job.silenced != silenced:
            job.silenced = silenced
            job.touch(now)
        return "done"

    def set_priority(self, job: ModelJob, now: int, priority: int) -> str:
        if job.status in OVER:
            return "wrong_status"
        job.priority = priority
        job.touch(now)
        return "done"

    def set_run_at(self, job: ModelJob, now: int, run_at: int) -> str:
        if job.status in OVER or job.status == "running":
            return "running" if job.status == "running" else "wrong_status"
        job.go("scheduled" if run_at > now else "queued", now)
        job.run_at = ms(run_at)
        return "done"

    def erase(self, job: ModelJob, now: int) -> str:
        if job.status == "running":
            return "running"
        job.payload = job.result = job.error = job.progress = None
        job.endings = {n: (e[0], None, *e[2:]) for n, e in job.endings.items()}
        job.touch(now)
        return "done"
