"""A circuit breaker: a store that failed is left alone for a moment, then asked by one caller.

The idea is that of M. Nygard's "Release It!": whoever comes while it is open is refused at once
instead of waiting for a store that does not answer, and the store is not flooded as it returns.
"""

import threading
import time
from enum import StrEnum

PAUSE_SECONDS = 0.5
# One that does not even refuse costs the caller that asks its patience: it is asked less often.
_PAUSE_MAX_SECONDS = 2.0


class State(StrEnum):
    """Closed: calls pass. Open: they don't. Half open: one is under way to find out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._asked = 0.0
        self._open_until = 0.0
        # How often it has opened.
        self.openings = 0

    @property
    def state(self) -> State:
        """How it is now."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether every call passes."""
        return self._state is State.CLOSED

    def admits(self) -> bool:
        """Whether this call may pass; it then has to say how it ended."""
        if self.closed:
            return True
        with self._lock:
            if self._state is State.OPEN and time.monotonic() >= self._open_until:
                self._state, self._asked = State.HALF_OPEN, time.monotonic()
                return True
            return self.closed

    def succeeded(self) -> None:
        """A call was answered."""
        if self._state is not State.CLOSED:
            with self._lock:
                self._state = State.CLOSED

    def failed(self) -> None:
        """A call was not answered."""
        now = time.monotonic()
        with self._lock:
            self.openings += self._state is State.CLOSED
            took = now - self._asked if self._state is State.HALF_OPEN else 0.0
            pause = min(max(PAUSE_SECONDS, 3 * took), _PAUSE_MAX_SECONDS)
            self._state, self._open_until = State.OPEN, now + pause

    def abandon(self) -> None:
        """The call that was to find out was given up by its caller: the next one may try."""
        with self._lock:
            if self._state is State.HALF_OPEN:
                self._state, self._open_until = State.OPEN, 0.0
