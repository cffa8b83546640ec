"""Lists jobs, newest first, a page at a time.

Ids stand in time order, so the last id of a page is where the next one goes on: jobs that come
in meanwhile neither shift nor repeat any. The walk goes over a bounded stretch of rows at a
time and stops at its time limit, so that a filter that matches next to nothing answers a
partial page instead of holding up the database.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from jobhopper_core.model import ids
from jobhopper_core.model.job import Job
from jobhopper_core.model.limits import IDEMPOTENCY_SECONDS
from jobhopper_core.model.states import STATUSES
from jobhopper_core.store import columns
from jobhopper_core.store.transaction import Transaction

# As `_IN_MAX` of a transaction.
_STRETCH_MAX = 999
_STRETCH_GROWTH = 4
_SECONDS = 1.5
# An id can be older than its job by as much as an Idempotency-Key that became one may be, and
# newer by what two clocks may differ.
_ID_OLDER_MS = IDEMPOTENCY_SECONDS * 1000
_ID_NEWER_MS = 10_000
_END = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Filters(NamedTuple):
    """What a list is narrowed to; None takes all. Times in µs since 1970."""

    queue: str | None = None
    status: str | None = None
    type: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    silenced: bool | None = False
    error_contains: str | None = None


class Page(NamedTuple):
    """Jobs without payload and result, and where to go on (an id), or None at the end."""

    jobs: list[Job]
    next: str | None


def list_jobs(
    tx: Transaction,
    filters: Filters,
    before: str | None,
    limit: int,
    monotonic: Callable[[], float] = time.monotonic,
) -> Page:
    """Up to `limit` jobs with ids below `before`; fewer, with `next`, when time runs out."""
    deadline = monotonic() + _SECONDS
    jobs: list[Job] = []
    at = min(before or _END, _highest(filters))
    for stretch, ended in _stretches(tx, filters, at, limit):
        jobs += _matching(tx, filters, stretch)
        if len(jobs) >= limit:
            return Page(jobs[:limit], None if ended and len(jobs) == limit else jobs[limit - 1].id)
        if not ended and monotonic() > deadline:
            return Page(jobs, ids.text(stretch[-1]))
    return Page(jobs, None)


def _highest(filters: Filters) -> str:
    if filters.created_before is None:
        return _END
    return ids.floor(filters.created_before // 1000 + _ID_NEWER_MS + 1)


def _lowest(filters: Filters) -> bytes:
    after = filters.created_after
    return bytes(16) if after is None else ids.raw(ids.floor(after // 1000 - _ID_OLDER_MS))


def _stretches(
    tx: Transaction, filters: Filters, before: str, size: int
) -> Iterator[tuple[list[bytes], bool]]:
    """Ids in falling order, each stretch longer than the one before; True with the last."""
    at, lowest, ended = ids.raw(before), _lowest(filters), False
    while not ended:
        stretch = _stretch(tx, filters, at, lowest, size)
        ended = len(stretch) < size
        if stretch:
            yield stretch, ended
            at = stretch[-1]
        size = min(size * _STRETCH_GROWTH, _STRETCH_MAX)


def _stretch(
    tx: Transaction, filters: Filters, before: bytes, lowest: bytes, size: int
) -> list[bytes]:
    if filters.queue is None:
        table = f"jobs{tx.dialect.by_index('PRIMARY')}"
        sql = f"SELECT id FROM {table} WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        return [row[0] for row in tx.read(sql, (before, lowest, size))]
    # The list index holds (queue, status, id): without a status, the newest of each are merged.
    statuses = STATUSES if filters.status is None else (filters.status,)
    table = f"jobs{tx.dialect.by_index('jobs_list')}"
    one = (
        f"SELECT * FROM (SELECT id FROM {table} WHERE queue = ? AND status = ? AND id < ? "  # noqa: S608
        "AND id >= ? ORDER BY id DESC LIMIT ?) s{}"
    )
    sql = " UNION ALL ".join(one.format(i) for i in range(len(statuses)))
    parameters = [v for s in statuses for v in (filters.queue, str(s), before, lowest, size)]
    rows = tx.read(f"{sql} ORDER BY id DESC LIMIT ?", (*parameters, size))
    return [row[0] for row in rows]


def _matching(tx: Transaction, filters: Filters, stretch: list[bytes]) -> list[Job]:
    conditions, parameters = _conditions(filters)
    marks = ", ".join("?" * len(stretch))
    sql = (
        f"SELECT {columns.SUMMARY} FROM jobs WHERE id IN ({marks}){conditions} "  # noqa: S608
        "ORDER BY id DESC"
    )
    return [columns.summary(row) for row in tx.read(sql, (*stretch, *parameters))]


def _conditions(filters: Filters) -> tuple[str, list[object]]:
    # The queue is not among them: a stretch is of that queue already, and naming it here would
    # make SQLite walk the whole queue instead of looking up the stretch's ids.
    tests: list[tuple[str, object]] = [
        ("status = ?", filters.status),
        ("type = ?", filters.type),
        ("created_at > ?", filters.created_after),
        ("created_at < ?", filters.created_before),
        ("silenced = ?", filters.silenced),
        ("INSTR(error, ?) > 0", filters.error_contains),
    ]
    used = [(test, value) for test, value in tests if value is not None]
    return "".join(f" AND {test}" for test, _ in used), [value for _, value in used]
