"""A queue's settings, and how long a failed job waits for its next attempt."""

from collections.abc import Callable

import msgspec

from jobhopper_core.model import limits
from jobhopper_core.model.times import SECOND


class Backoff(msgspec.Struct, frozen=True):
    """Exponential backoff; `base` and `max` in seconds, `jitter` as a share of the wait.

    The wait before the next attempt is `min(max, base * factor^(failures - 1))`, moved by up to
    `jitter` of itself either way so that jobs that failed together do not return together.
    """

    base: float = limits.BACKOFF_BASE
    factor: float = limits.BACKOFF_FACTOR
    max: float = limits.BACKOFF_MAX
    jitter: float = limits.BACKOFF_JITTER

    def wait(self, failures: int, chance: Callable[[], float]) -> int:
        """The wait in µs after `failures` failures; `chance` gives numbers in [0, 1)."""
        # A factor above 1 overflows a float long before a hundred failures.
        try:
            seconds = min(self.max, self.base * self.factor ** (failures - 1))
        except OverflowError:
            seconds = self.max
        return int(seconds * (1 + self.jitter * (2 * chance() - 1)) * SECOND)


class QueueSettings(msgspec.Struct, frozen=True):
    """What an operator sets per queue; `lease` and `silence_after` in seconds.

    `silence_after` None: the queue's stale jobs are never silenced.
    """

    paused: bool = False
    lease: int = limits.LEASE_DEFAULT
    max_attempts: int = limits.MAX_ATTEMPTS_DEFAULT
    backoff: Backoff = Backoff()
    silence_after: int | None = limits.SILENCE_AFTER_DEFAULT
