"""Which consumer replica takes which queues: an agreement that needs no talk.

Replica n takes, per lane, ⌊S ÷ (n + 1)⌋ queues from whoever of 0 … n-1 holds most: for them its
rank is n, for all others the lowest. Each queue belongs to its subscriber of the highest rank, so
any set of replicas 0 … n shares the shards even to within one, and each that goes or comes moves
only its own share.
"""

from functools import cache

LOWEST = -1


@cache
def owners(shards: int, replica: int) -> tuple[int, ...]:
    """For each shard, the replica among 0 … `replica` that has it when all of them live."""
    if replica == 0:
        return (0,) * shards
    if replica >= shards:
        # Nothing is left for it.
        return owners(shards, shards - 1)
    held = list(owners(shards, replica - 1))
    for _ in range(shards // (replica + 1)):
        richest = max(range(replica), key=lambda one: (held.count(one), -one))
        # Its last, so that the first shards stay where they are.
        shard = max(i for i, owner in enumerate(held) if owner == richest)
        held[shard] = replica
    return tuple(held)


def rank(shards: int, replica: int, shard: int) -> int:
    """How much `replica` is entitled to the queues of `shard`."""
    return replica if owners(shards, replica)[shard] == replica else LOWEST
