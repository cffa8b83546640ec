"""How large a chunk is, and how long the pause after it: transactions of about 100 ms.

No more than 75,000 jobs are changed a second: what a fast database could do beyond that is left to
others. Rows that are only looked at cost little, and are not held up.
"""

_TARGET_SECONDS = 0.1
_LEAST, _MOST, _FIRST = 100, 5_000, 1_000
# Of the time a chunk took, this much at least is left to the others before the next one.
_PAUSE_SHARE = 0.08
_CHANGED_PER_SECOND = 75_000


class Pace:
    """Adapts the size of chunks to how fast the database is just now."""

    def __init__(self) -> None:
        self.size = _FIRST

    def note(self, rows: int, changed: int, seconds: float) -> float:
        """Learns from a chunk of `rows`, `changed` of them; returns how long to pause (seconds)."""
        per_second = rows / max(seconds, 1e-6)
        wanted = per_second * _TARGET_SECONDS
        # Half way, so that one slow moment does not decide.
        self.size = int(min(_MOST, max(_LEAST, (self.size + wanted) / 2)))
        return max(seconds * _PAUSE_SHARE, changed / _CHANGED_PER_SECOND - seconds)
