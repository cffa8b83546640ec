"""A dead letter: a message that could not be applied."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobhopper.times import to_time


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What the dead-letter queue tells of a message; None where it does not.

    `lane` and `shard` say where it came from, `queue` whose jobs it is about, `error` and `code`
    why it could not be applied. `data` is the letter as the API answers it, its writes included.
    """

    id: str
    lane: str | None
    shard: int | None
    queue: str | None
    error: str | None
    code: str | None
    died_at: datetime | None
    writes: int | None
    data: dict[str, Any]

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "DeadLetter":
        """A dead letter in an answer."""
        return cls(
            id=data["id"],
            lane=data["lane"],
            shard=data["shard"],
            queue=data["queue"],
            error=data["error"],
            code=data["code"],
            died_at=None if data["died_at"] is None else to_time(data["died_at"]),
            writes=data["writes"],
            data=data,
        )


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Some of them, the oldest first; `more` when others wait behind them."""

    letters: list[DeadLetter]
    more: bool

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "DeadLetters":
        """Dead letters in an answer."""
        return cls([DeadLetter.from_wire(one) for one in data["letters"]], data["more"])
