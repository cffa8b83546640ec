"""What an audit reads: each a bounded look at an index, never a count of the table."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from jobhopper_core.model import ids
from jobhopper_core.model.states import Status
from jobhopper_core.store.transaction import Transaction

# Beyond so many, counting takes too long to be done in passing.
COUNTED_MAX = 20_000
# Silenced ones stand apart in the counters and between the others in the table.
_SCANNED_MAX = 50_000


def missing(tx: Transaction, job_ids: Sequence[str]) -> list[str]:
    """Those of `job_ids` that have no row."""
    keys = sorted(ids.raw(id_) for id_ in job_ids)
    there = {ids.text(row[0]) for row in tx.read_in("SELECT id FROM jobs", "id", keys)}
    return [id_ for id_ in job_ids if id_ not in there]


def overdue(tx: Transaction, shard: int, status: Status, before: int, limit: int) -> int:
    """How many jobs of `shard` a timer should have looked at before `before` (µs), to `limit`."""
    rows = tx.read(
        "SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE shard = ? AND due_at < ? AND status = ? "
        "LIMIT ?) found",
        (shard, before, status.value, limit),
    )
    return int(rows[0][0])


def ready_places(tx: Transaction, queue: str, limit: int) -> list[tuple[int, int, str]]:
    """The next jobs of `queue` in order: priority, run_at (µs), id."""
    rows = tx.read(
        "SELECT priority, run_at, id FROM jobs WHERE ready_queue = ? "
        "ORDER BY priority, run_at, id LIMIT ?",
        (queue, limit),
    )
    return [(row[0], row[1], ids.text(row[2])) for row in rows]


def ready(tx: Transaction, job_ids: Sequence[str]) -> set[str]:
    """Those of `job_ids` that can be claimed."""
    keys = sorted(ids.raw(id_) for id_ in job_ids)
    rows = tx.read_in("SELECT id FROM jobs", "id", keys, " AND ready_queue IS NOT NULL")
    return {ids.text(row[0]) for row in rows}


class Counted(NamedTuple):
    """For each status what the counters say and what the table holds; and the rows looked at."""

    statuses: dict[str, tuple[int, int]]
    rows: int


def counted(tx: Transaction, queue: str, most: int) -> Counted:
    """Holds the counters of `queue` against the table; looks at `most` rows, at 50,000 a status.

    Both come from one statement, so from one moment. Left out are statuses of more than 20,000
    jobs, and those whose rows were too many to look at.
    """
    rows = tx.read(
        "SELECT status, SUM(n) FROM queue_counts WHERE queue = ? GROUP BY status", (queue,)
    )
    small = [status for status, n in rows if int(n) <= COUNTED_MAX and status in set(Status)]
    # Where there is not enough for all, it is not always the same ones that go without.
    random.shuffle(small)
    found, left = {}, most
    for status in small:
        limit = min(left, _SCANNED_MAX)
        kept, held, looked = _both(tx, queue, status, limit)
        left -= looked
        if looked < limit:
            found[status] = (kept, held)
    return Counted(found, most - left)


def _both(tx: Transaction, queue: str, status: str, limit: int) -> tuple[int, int, int]:
    rows = tx.read(
        "SELECT (SELECT SUM(n) FROM queue_counts WHERE queue = ? AND status = ?), "
        "COALESCE(SUM(silenced = 0), 0), COUNT(*) FROM "
        "(SELECT silenced FROM jobs WHERE queue = ? AND status = ? LIMIT ?) found",
        (queue, status, queue, status, limit),
    )
    kept, held, looked = rows[0]
    return int(kept or 0), int(held), looked
