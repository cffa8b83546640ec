"""A queue: its settings and how much it holds."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait before an attempt: `min(max, base * factor^(failures-1))` s, ± `jitter` of it."""

    base: float
    factor: float
    max: float
    jitter: float


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue's settings and depth.

    `lease` and `silence_after` in seconds. `depth` counts jobs by status; silenced ones stand
    apart under `silenced`. `oldest_ready_age`: seconds, None when no job is ready.
    """

    name: str
    paused: bool
    lease: int
    max_attempts: int
    backoff: Backoff
    silence_after: int | None
    depth: dict[str, int]
    oldest_ready_age: float | None

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Queue":
        """A queue in an answer."""
        backoff = data["backoff"]
        return cls(
            name=data["name"],
            paused=data["paused"],
            lease=data["lease"],
            max_attempts=data["max_attempts"],
            backoff=Backoff(backoff["base"], backoff["factor"], backoff["max"], backoff["jitter"]),
            silence_after=data["silence_after"],
            depth=dict(data["depth"]),
            oldest_ready_age=data["oldest_ready_age"],
        )
