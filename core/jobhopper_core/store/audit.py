"""What an audit reads: each a bounded look at an index, never a count of the table."""

from collections.abc import Sequence

from jobhopper_core.model import ids
from jobhopper_core.model.states import Status
from jobhopper_core.store.transaction import Transaction

# Beyond so many, counting takes too long to be done in passing.
COUNTED_MAX = 20_000


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


def counted(tx: Transaction, queue: str) -> dict[str, tuple[int, int]]:
    """For each status of `queue` what the counters say and what the table holds.

    Both come from one statement, so from one moment. Statuses of more than 20,000 are left out.
    """
    rows = tx.read(
        "SELECT status, SUM(n) FROM queue_counts WHERE queue = ? GROUP BY status", (queue,)
    )
    small = [status for status, n in rows if int(n) <= COUNTED_MAX and status in set(Status)]
    return {status: _both(tx, queue, status) for status in small}


def _both(tx: Transaction, queue: str, status: str) -> tuple[int, int]:
    rows = tx.read(
        "SELECT (SELECT SUM(n) FROM queue_counts WHERE queue = ? AND status = ?), "
        "(SELECT COUNT(*) FROM (SELECT silenced FROM jobs WHERE queue = ? AND status = ? LIMIT ?) "
        "found WHERE silenced = 0)",
        # Silenced ones stand apart in the counters, and may be many more.
        (queue, status, queue, status, 5 * COUNTED_MAX),
    )
    kept, held = rows[0]
    return int(kept or 0), int(held)
