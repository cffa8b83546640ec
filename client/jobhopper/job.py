"""A job as the server tells of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobhopper.json_text import Json
from jobhopper.times import to_time, to_time_or_none

FINAL_STATUSES = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that did not succeed; `outcome` is `failed`, `expired` or `released`."""

    attempt: int
    outcome: str
    error: Json = field(repr=False)
    worker: str | None
    started_at: datetime | None
    ended_at: datetime

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Attempt":
        """One entry of a job's `attempts`."""
        return cls(
            attempt=data["attempt"],
            outcome=data["outcome"],
            error=data["error"],
            worker=data["worker"],
            started_at=to_time_or_none(data["started_at"]),
            ended_at=to_time(data["ended_at"]),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A job, its status and what came of it.

    `status`: `accepted` (on its way to the database), `scheduled`, `queued`, `running`,
    `succeeded`, `failed` or `cancelled`. In lists `payload`, `result` and `attempts` are left
    empty. `data` is the whole answer, for fields that this version does not name.
    """

    id: str
    queue: str | None
    type: str | None
    status: str
    priority: int | None
    run_at: datetime | None
    attempt: int
    failures: int
    max_attempts: int | None
    silenced: bool
    worker: str | None
    lease_until: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    finished_at: datetime | None
    progress: Json = field(repr=False)
    error: Json = field(repr=False)
    payload: Json = field(repr=False)
    result: Json = field(repr=False)
    attempts: list[Attempt] = field(repr=False)
    data: dict[str, Json] = field(repr=False)

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to the job by itself."""
        return self.status in FINAL_STATUSES

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Job":
        """A job in an answer; one that is only `accepted` has few fields yet."""
        return cls(
            id=data["id"],
            queue=data.get("queue"),
            type=data.get("type"),
            status=data["status"],
            priority=data.get("priority"),
            run_at=to_time_or_none(data.get("run_at")),
            attempt=data.get("attempt") or 0,
            failures=data.get("failures") or 0,
            max_attempts=data.get("max_attempts"),
            silenced=bool(data.get("silenced")),
            worker=data.get("worker"),
            lease_until=to_time_or_none(data.get("lease_until")),
            created_at=to_time_or_none(data.get("created_at")),
            updated_at=to_time_or_none(data.get("updated_at")),
            finished_at=to_time_or_none(data.get("finished_at")),
            progress=data.get("progress"),
            error=data.get("error"),
            payload=data.get("payload"),
            result=data.get("result"),
            attempts=[Attempt.from_wire(entry) for entry in data.get("attempts") or []],
            data=data,
        )
