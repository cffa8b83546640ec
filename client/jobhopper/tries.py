"""Decides whether a call that failed may be tried again, and when.

Waits double from 0.1 s up to 5 s, each shortened by chance by up to a half, so that many
clients do not come back together. The server's Retry-After is the least wait.
"""

import random
import time
from collections.abc import Iterator

from jobhopper.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    JobhopperError,
    TLSFailed,
    Unavailable,
)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

# On its way from the broker to the database: a second later it is there.
_NOT_YET = "not_yet_persisted"
_UNKNOWN = "outcome_unknown"
_REFUSED_UNDONE = 503


class Tries:
    """The tries of one call; another may begin within `retry_for` seconds of the first."""

    def __init__(self, *, repeatable: bool, retry_for: float) -> None:
        self._repeatable = repeatable
        self._end = time.monotonic() + retry_for
        self._pauses = pauses()
        self._unknown = False

    def pause_after(self, error: JobhopperError) -> float:
        """The seconds to wait before the next try; raises `error` when there is none."""
        if isinstance(error, ApiError):
            error.repeated = self._unknown
        self._unknown = self._unknown or not was_undone(error)
        pause = max(next(self._pauses), retry_after(error) or 0.0)
        if not self._may_follow(error) or time.monotonic() + pause > self._end:
            raise error
        return pause

    def _may_follow(self, error: JobhopperError) -> bool:
        return is_passing(error) and (self._repeatable or was_undone(error))


def pauses() -> Iterator[float]:
    """Waits in seconds, without end: doubling, each shortened by chance."""
    longest = FIRST_PAUSE
    while True:
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        longest = min(longest * 2, LONGEST_PAUSE)


def is_passing(error: JobhopperError) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, Conflict):
        return error.code == _NOT_YET
    return isinstance(error, ConnectionFailed | Unavailable) and not isinstance(error, TLSFailed)


def was_undone(error: JobhopperError) -> bool:
    """Whether it is certain that the failed call did nothing."""
    if isinstance(error, ConnectionFailed):
        return not error.sent
    if isinstance(error, Unavailable):
        # A proxy's 502 or 504 may hide an answer of the server behind it.
        return error.status == _REFUSED_UNDONE and error.code != _UNKNOWN
    return True


def retry_after(error: JobhopperError) -> float | None:
    """The wait in seconds that the server asked for, if it did."""
    return error.retry_after if isinstance(error, ApiError) else None
