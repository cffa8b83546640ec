"""What the clients of a run share: their pace, whether they go on, and which jobs they know."""

import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.call import Call
from chaos.caller import Caller

# Workers claim from the first two. Nobody claims from the last, so that the hopper holds some
# jobs when it is compared with MySQL.
WORKED = ("chaos.a", "chaos.b")
PARKED = "chaos.parked"
_KNOWN = 400


class Pace(NamedTuple):
    """The load: `jobs` a second, and how many threads of each kind."""

    jobs: float = 25.0
    producers: int = 3
    quick: int = 3
    slow: int = 3
    dying: int = 1
    frozen: int = 2
    operators: int = 2
    readers: int = 2


@dataclass
class Board:
    """Shared by the threads; appends are all that they do to it at once."""

    ports: Sequence[int]
    key: str
    seed: int
    pace: Pace
    calls: list[Call] = field(default_factory=list)
    known: deque[str] = field(default_factory=lambda: deque(maxlen=_KNOWN))
    silenced: deque[str] = field(default_factory=lambda: deque(maxlen=_KNOWN))
    creating: threading.Event = field(default_factory=threading.Event)
    working: threading.Event = field(default_factory=threading.Event)

    def caller(self, who: str) -> Caller:
        """A caller for one thread; they begin at the APIs in turn."""
        return Caller(who, self.ports, self.key, self.calls, home=sum(map(ord, who)))

    def chance(self, who: str) -> random.Random:
        """A thread's own dice."""
        return random.Random(f"{self.seed} {who}")

    def pause(self, going: threading.Event, seconds: float) -> bool:
        """Sleeps; returns early, with False, when `going` is cleared."""
        until = time.monotonic() + seconds
        while going.is_set() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return going.is_set()
