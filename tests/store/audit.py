"""What has to be true of every database whatever was done to it."""

from collections import Counter

from jobhopper_core.store import counts
from jobhopper_core.store.database import Database

from .steps import PATIENCE, SHARDS

_ROWS = (
    "SELECT id, shard, queue, status, silenced, run_at, lease_until, ready_queue, due_at FROM jobs"
)
_QUEUES = "SELECT queue FROM queue_counts UNION SELECT queue FROM jobs"


def audit(database: Database) -> None:
    """Counters equal a count of the table; the columns of the indexes agree with the state."""
    counted: Counter[tuple[str, str]] = Counter()
    for id_, shard, queue, status, silenced, run_at, lease_until, ready, due in _read(database):
        counted[queue, "silenced" if silenced else status] += 1
        assert shard == id_[-1] % SHARDS
        assert ready == (queue if status == "queued" and not silenced else None)
        timers = {"running": lease_until, "scheduled": None if silenced else run_at}
        assert due == timers.get(status)
    assert _kept(database) == dict(counted)


def _read(database: Database) -> list[tuple[object, ...]]:
    return [tuple(row) for row in database.read(lambda tx: tx.read(_ROWS)).result(PATIENCE)]


def _kept(database: Database) -> dict[tuple[str, str], int]:
    names = [row[0] for row in database.read(lambda tx: tx.read(_QUEUES)).result(PATIENCE)]
    depths = database.read(lambda tx: counts.depths(tx, names)).result(PATIENCE)
    return {(queue, status): n for queue, by in depths.items() for status, n in by.items() if n}
