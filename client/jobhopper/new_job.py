"""A job before it is created."""

from dataclasses import dataclass, field
from datetime import datetime

from jobhopper.json_text import Json
from jobhopper.times import to_text


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a producer says of a job; None takes the server's or the queue's default.

    `payload`: any JSON up to 256 KiB. `priority`: 0 (first) to 9. `run_at`: not before this
    time, with a zone. `max_attempts`: 1 to 100.
    """

    queue: str
    type: str
    payload: Json = field(default=None, repr=False)
    priority: int | None = None
    run_at: datetime | None = None
    max_attempts: int | None = None

    def to_wire(self) -> dict[str, Json]:
        """The body of a create. Raises InvalidArgument when `run_at` has no zone."""
        body = {
            "queue": self.queue,
            "type": self.type,
            "payload": self.payload,
            "priority": self.priority,
            "run_at": None if self.run_at is None else to_text(self.run_at),
            "max_attempts": self.max_attempts,
        }
        return {name: value for name, value in body.items() if value is not None}
