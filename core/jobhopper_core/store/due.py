"""Finds the jobs that a timer has to look at."""

from jobhopper_core.model import ids
from jobhopper_core.model.states import Status
from jobhopper_core.store.transaction import Transaction


def due(tx: Transaction, shard: int, status: Status, until: int, limit: int) -> list[str]:
    """Up to `limit` jobs of `shard` in `status` whose time is `until` (µs) or before, by time."""
    rows = tx.read(
        "SELECT id FROM jobs WHERE shard = ? AND due_at <= ? AND status = ? "
        "ORDER BY due_at LIMIT ?",
        (shard, until, status.value, limit),
    )
    return [ids.text(row[0]) for row in rows]
