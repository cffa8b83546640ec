"""The outage mode: what it means for every process that MySQL can't be reached.

It is one state in Redis, not the opinion of a process: it begins when of all API processes that
report none reaches MySQL. Claims then come from the hopper alone and travel to MySQL by RabbitMQ.
It ends in steps, because what was handed out is known in MySQL only once it has been applied.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Phase(StrEnum):
    """How far an outage is.

    Down: nobody reaches MySQL. Catching up: MySQL takes writes, and what was handed out is being
    applied; claims still come from the hopper alone. Closing: for a moment nothing is handed out,
    until the last of it is applied.
    """

    NONE = "none"
    DOWN = "down"
    CATCHING_UP = "catching_up"
    CLOSING = "closing"


class Outage(NamedTuple):
    """The state: `mark` (µs, MySQL's time) is the tick that ends the phase; `since` in Redis's ms.

    `replicas` API processes report, `reaching` of them reach MySQL.
    """

    phase: Phase = Phase.NONE
    mark: int = 0
    since: int = 0
    replicas: int = 0
    reaching: int = 0

    @property
    def active(self) -> bool:
        """Whether what the hopper knows goes before what MySQL knows."""
        return self.phase is not Phase.NONE


def outage(reply: Sequence[Any]) -> Outage:
    """The meaning of a report's reply."""
    phase, *numbers = reply
    return Outage(Phase(phase.decode()), *map(int, numbers))


def phase_of(reply: bytes | None) -> Phase:
    """The meaning of the phase alone."""
    return Phase.NONE if reply is None else Phase(reply.decode())
