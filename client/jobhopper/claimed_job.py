"""A job in this worker's hands."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobhopper.json_text import Json
from jobhopper.lease import Lease
from jobhopper.times import to_time


@dataclass(slots=True, eq=False)
class ClaimedJob:
    """What a claim hands out.

    `attempt` counts the claims of this job and never falls, so it can fence what a handler
    writes elsewhere; not when `provisional`, for then the claim was made while the database
    was away, and the job may be handed out again. `lease` is replaced by every extension.
    `lost` is None while the claim stands, else the code that ended it.
    """

    id: str
    queue: str
    type: str
    payload: Json = field(repr=False)
    priority: int
    run_at: datetime
    attempt: int
    max_attempts: int
    progress: Json = field(repr=False)
    created_at: datetime
    traceparent: str | None
    provisional: bool
    lease: Lease
    lost: str | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the claim has ended, by an operator or by time: the work may stop.

        Whatever is reported after that does not count.
        """
        return self.lost is not None

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "ClaimedJob":
        """One job of a claim's answer."""
        return cls(
            id=data["id"],
            queue=data["queue"],
            type=data["type"],
            payload=data["payload"],
            priority=data["priority"],
            run_at=to_time(data["run_at"]),
            attempt=data["attempt"],
            max_attempts=data["max_attempts"],
            progress=data["progress"],
            created_at=to_time(data["created_at"]),
            traceparent=data.get("traceparent"),
            provisional=data.get("provisional", False),
            lease=Lease.from_wire(data["lease"]),
        )
