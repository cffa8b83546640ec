"""Times: whole microseconds since 1970 (UTC) inside, RFC 3339 text on the wire."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from jobhopper_core.model.limits import TIME_MAX_US

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# `fromisoformat` takes minutes above 59 in a zone, and newer ones the hour 24.
_HOUR_MINUTE = r"(?:[01]\d|2[0-3]):[0-5]\d"
_RFC3339 = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)[Tt ]({_HOUR_MINUTE}:\d\d)(?:\.(\d{{1,9}}))?([Zz]|[+-]{_HOUR_MINUTE})",
    re.ASCII,
)


def to_text(us: int) -> str:
    """RFC 3339 text in UTC with six decimals: `2026-11-24T06:00:00.000000Z`."""
    seconds, rest = divmod(us, SECOND)
    return f"{_second(seconds)}.{rest:06d}Z"


# The times of an answer lie close together, and the calendar is three quarters of the work.
@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:-6]


def parse(value: str) -> int | None:
    """The microseconds of an RFC 3339 time with a zone, or None when it isn't one.

    Accepted: 1970 up to the end of 2100; digits finer than a microsecond are cut.
    """
    match = _RFC3339.fullmatch(value)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    fraction = (fraction or "").ljust(6, "0")[:6]
    zone = "+00:00" if zone in "Zz" else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{fraction}{zone}")
        us = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return us if 0 <= us <= TIME_MAX_US else None


def floor_ms(us: int) -> int:
    """`us` cut to a whole millisecond, the grain of `run_at`."""
    return us - us % 1000
