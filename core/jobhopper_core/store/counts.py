"""How many jobs each queue holds, kept by every change: depths never count the table.

A silenced job is counted as `silenced`, whatever its status, so that `queued` is what workers
can claim. Each process adds to a slot of its own; readers sum over the slots.
"""

from collections import Counter

from jobhopper_core.model.limits import SHARDS_MAX
from jobhopper_core.model.transitions import JobState
from jobhopper_core.store.transaction import Transaction

SILENCED = "silenced"
# Below this the consumers have theirs.
FREE_SLOTS = 2 * SHARDS_MAX
Deltas = Counter[tuple[str, str]]


def slot_of(updates: bool, shard: int) -> int:
    """The slot of who applies a lane from `shard` on; the slots of others begin at FREE_SLOTS."""
    return 2 * shard + updates


def bucket(job: JobState) -> tuple[str, str]:
    """The counter that a job stands under: (queue, status or `silenced`)."""
    return job.queue, SILENCED if job.silenced else job.status.value


def add(tx: Transaction, deltas: Deltas) -> None:
    """Adds `deltas`; called last in a transaction, since every writer meets in these rows."""
    rows = [(queue, tx.slot, status, n) for (queue, status), n in sorted(deltas.items()) if n != 0]
    tx.dialect.add_counts(tx.connection, rows)


def depths(tx: Transaction, queues: list[str]) -> dict[str, dict[str, int]]:
    """For each of `queues` the number of jobs by status, and of silenced ones."""
    found: dict[str, dict[str, int]] = {queue: {} for queue in queues}
    select = "SELECT queue, status, SUM(n) FROM queue_counts"
    for queue, status, n in tx.read_in(select, "queue", queues, " GROUP BY queue, status"):
        found[queue][status] = int(n)
    return found
