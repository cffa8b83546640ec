"""Monthly partitions of the large tables, named `p202611`, with `pmax` behind the last.

An id begins with its milliseconds, so a month is a range of ids and every look-up by id reads
one partition.
"""

from datetime import UTC, datetime

from jobhopper_core.model import ids

TABLES = (("jobs", "id"), ("job_attempts", "job_id"))
LAST = "pmax"
AHEAD = 3


def month_of(us: int) -> tuple[int, int]:
    """The (year, month) of a time in µs since 1970, UTC."""
    moment = datetime.fromtimestamp(us / 1_000_000, UTC)
    return moment.year, moment.month


def later(month: tuple[int, int], months: int) -> tuple[int, int]:
    """The month that is `months` after `month`."""
    total = month[0] * 12 + month[1] - 1 + months
    return total // 12, total % 12 + 1


def name(month: tuple[int, int]) -> str:
    """The name of a month's partition."""
    return f"p{month[0]:04d}{month[1]:02d}"


def bound(month: tuple[int, int]) -> str:
    """The SQL literal of the first id that lies behind `month`."""
    year, number = later(month, 1)
    start = datetime(year, number, 1, tzinfo=UTC)
    return f"x'{ids.raw(ids.floor(int(start.timestamp() * 1000))).hex()}'"


def definition(month: tuple[int, int]) -> str:
    """The definition of a month's partition."""
    return f"PARTITION {name(month)} VALUES LESS THAN ({bound(month)})"


def clause(column: str, first: tuple[int, int], months: int) -> str:
    """The clause that partitions a new table from `first` on, `months` of them and the last."""
    parts = [definition(later(first, step)) for step in range(months)]
    parts.append(f"PARTITION {LAST} VALUES LESS THAN (MAXVALUE)")
    return f" PARTITION BY RANGE COLUMNS({column}) ({', '.join(parts)})"
