"""Tells a quiet subscription from a dead one.

The kernel ends a connection whose peer has gone with ETIMEDOUT, which the library takes for the end
of its own patience: it says "nothing came" at once, again and again, as fast as it is asked.
"""

import time

from redis.exceptions import ConnectionError as RedisConnectionError

# Replies to subscribing are told as nothing, too, and at once.
_EARLY_MAX = 5


class Silence:
    """Watches how soon a subscription that is listened to for `seconds` says "nothing came"."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked = time.monotonic()
        self._early = 0

    def heard(self, anything: bool) -> None:
        """Notes one answer. Raises redis's ConnectionError when the connection must be dead."""
        now = time.monotonic()
        soon = not anything and now - self._asked < self._seconds / 2
        self._asked, self._early = now, self._early + 1 if soon else 0
        if self._early > _EARLY_MAX:
            raise RedisConnectionError("The subscription's connection is dead.")
