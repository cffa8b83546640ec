"""The row of each (lane, shard): who applies locks it, and the newest tick stands in it.

The lock keeps a frozen predecessor out: while a consumer that RabbitMQ has given up still holds
its transaction, its successor waits here, and whichever comes second finds its writes applied.
"""

from collections.abc import Sequence

from jobhopper_core.store.meta import PROBE_WRITE
from jobhopper_core.store.transaction import Transaction


def make(tx: Transaction, lanes: list[str], shards: int) -> None:
    """Makes the rows that are missing."""
    # An insert waits for a row that is there and locked: a start would wait for a frozen consumer.
    there = {tuple(row) for row in tx.read("SELECT lane, shard FROM shards")}
    rows = [(lane, shard) for lane in sorted(lanes) for shard in range(shards)]
    tx.insert_new("shards", ("lane", "shard"), [row for row in rows if row not in there])


def lock(tx: Transaction, lane: str, shards: Sequence[int]) -> None:
    """Locks the rows of `shards` for this transaction, in order.

    The clock is read along; after a wait for the lock it is behind by that wait.
    """
    marks = ", ".join("?" * len(shards))
    clock = tx.dialect.now_column
    sql = f"SELECT {clock or 'tick'} FROM shards WHERE lane = ? AND shard IN ({marks})"  # noqa: S608
    rows = tx.read(f"{sql} ORDER BY shard{tx.dialect.for_update}", (lane, *sorted(shards)))
    if clock and rows:
        tx.note_now(rows[0][0])


def can_write(tx: Transaction, lane: str, shards: Sequence[int]) -> None:
    """Fails as a batch of `shards` would: while they are locked or nothing can be committed."""
    for shard in sorted(shards):
        note_tick(tx, lane, shard, -1)
    # The above changes no row, and what changes nothing is not written to a full disk either.
    tx.run(PROBE_WRITE)


def note_tick(tx: Transaction, lane: str, shard: int, tick: int) -> None:
    """Keeps the newest tick."""
    tx.run(
        "UPDATE shards SET tick = ?, applied_at = ? WHERE lane = ? AND shard = ? AND tick < ?",
        (tick, tx.now(), lane, shard, tick),
    )


def newest_tick(tx: Transaction, lane: str, shard: int) -> int:
    """The newest tick (µs) that was applied; 0 when there was none."""
    rows = tx.read("SELECT tick FROM shards WHERE lane = ? AND shard = ?", (lane, shard))
    return rows[0][0] if rows else 0


def ticks(tx: Transaction) -> dict[tuple[str, int], int]:
    """The newest tick (µs) of every (lane, shard)."""
    return {
        (lane, shard): tick for lane, shard, tick in tx.read("SELECT lane, shard, tick FROM shards")
    }
