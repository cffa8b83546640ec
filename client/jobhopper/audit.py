"""An audit: what was accepted, persisted, offered and leased, compared with one another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobhopper.times import to_time


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: how much was `compared`, how much of it disagrees, and some `examples`."""

    name: str
    compared: int
    drift: int
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Audit:
    """The newest audit of an install; `at` is when it was made."""

    at: datetime
    checks: list[Check]

    @property
    def drift(self) -> int:
        """How much disagrees in all."""
        return sum(check.drift for check in self.checks)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Audit":
        """An audit in an answer."""
        return cls(to_time(data["at"]), [Check(**check) for check in data["checks"]])
