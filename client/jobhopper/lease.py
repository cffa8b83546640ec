"""The right to work on a job, for a while."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobhopper.times import to_time


@dataclass(frozen=True, slots=True)
class Lease:
    """A signed token that goes with every update, and the time at which it ends."""

    token: str = field(repr=False)
    expires_at: datetime

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Lease":
        """The lease in an answer."""
        return cls(data["token"], to_time(data["expires_at"]))
