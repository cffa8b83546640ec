"""What time itself does to jobs: scheduled ones become due, leases run out, old keys go.

Each function is one turn: it does a bounded piece of work and says whether there may be more.
The database's clock decides, so it makes no difference which process takes the turn.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from jobhopper_core.model.times import SECOND
from jobhopper_core.store.expire import expire
from jobhopper_core.store.idempotency import sweep
from jobhopper_core.store.promote import promote
from jobhopper_core.store.save import Effects
from jobhopper_core.store.transaction import Transaction

_LIMIT = 500
# Where updates are applied before they are answered, one that was accepted in time is in the
# database already; the second is for a commit that is under way.
STRAIGHT_GRACE = SECOND


@dataclass(slots=True)
class Turn:
    """What one turn did, in all and by queue, and whether another should follow at once."""

    done: int = 0
    again: bool = False
    by_queue: dict[str, int] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)


def promote_due(tx: Transaction, shards: int) -> Turn:
    """Promotes scheduled jobs whose time has come, up to 500 a shard."""
    turn = Turn()
    for shard in range(shards):
        promoted, effects = promote(tx, shard, _LIMIT)
        turn.done += promoted
        turn.again = turn.again or promoted == _LIMIT
        turn.effects.add(effects)
    return turn


def expire_straight(tx: Transaction, shards: int, chance: Callable[[], float]) -> Turn:
    """Expires leases where updates do not travel by a broker, up to 500 a shard."""
    turn = Turn()
    before = tx.now() - STRAIGHT_GRACE
    for shard in range(shards):
        expired, effects = expire(tx, shard, before, _LIMIT, chance)
        here = sum(expired.values())
        turn.done += here
        turn.again = turn.again or here == _LIMIT
        for queue, n in expired.items():
            turn.by_queue[queue] = turn.by_queue.get(queue, 0) + n
        turn.effects.add(effects)
    return turn


def sweep_keys(tx: Transaction) -> Turn:
    """Deletes idempotency keys past their 24 hours, up to 500."""
    deleted = sweep(tx, _LIMIT)
    return Turn(deleted, deleted == _LIMIT)
