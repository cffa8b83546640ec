"""The row of each (lane, shard): who applies locks it, and the newest tick stands in it.

The lock keeps a frozen predecessor out: while a consumer that RabbitMQ has given up still holds
its transaction, its successor waits here, and whichever comes second finds its writes applied.
"""

from collections.abc import Sequence

from jobhopper_core.store.transaction import Transaction


def make(tx: Transaction, lanes: list[str], shards: int) -> None:
    """Makes the rows that are missing."""
    rows = [(lane, shard) for lane in sorted(lanes) for shard in range(shards)]
    tx.insert_new("shards", ("lane", "shard"), rows)


def lock(tx: Transaction, lane: str, shards: Sequence[int]) -> None:
    """Locks the rows of `shards` for this transaction, in order."""
    marks = ", ".join("?" * len(shards))
    sql = f"SELECT tick FROM shards WHERE lane = ? AND shard IN ({marks}) ORDER BY shard"  # noqa: S608
    tx.read(sql + tx.dialect.for_update, (lane, *sorted(shards)))


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
