"""When a consumer asks for a shard that it is entitled to and does not get.

To each shard a tick comes every second. Who hears nothing of one waits in line for it, and sends a
bid into its queue: whoever serves it with a lower rank leaves it to the next in line.
"""

import time

from jobhopper_core.broker.ladder import LOWEST

_SILENT_SECONDS = 2.0
# The next in line may be a third one of a lower rank: it leaves as well when it is asked.
_AGAIN_SECONDS = 3.0


class Bidding:
    """Whether one (lane, shard) is to be asked for; used by the I/O thread alone."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._heard = time.monotonic()
        self._bid = -_AGAIN_SECONDS

    def heard(self) -> None:
        """Notes that a message came, or that the line was joined anew."""
        self._heard = time.monotonic()

    def note(self) -> None:
        """Notes a bid."""
        self._bid = time.monotonic()

    def is_due(self) -> bool:
        """Whether to bid now."""
        now = time.monotonic()
        silent = now >= self._heard + _SILENT_SECONDS
        return self._rank > LOWEST and silent and now >= self._bid + _AGAIN_SECONDS
