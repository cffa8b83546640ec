"""Whether an operator has ended a claim: asked before an update is answered from RabbitMQ.

The database will refuse such an update in any case; this is so that a worker knows within one
heartbeat.
"""

from collections.abc import Sequence
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.errors import UnavailableError
from jobhopper_core.model.writes import Outcome, Update
from jobhopper_core.store.apply import judge
from jobhopper_core.store.find import peek
from jobhopper_core.store.transaction import Transaction


class Revocation:
    """Asks Redis, and where that is away the database by primary key."""

    def __init__(self, store: Store, redis: RedisSide | None) -> None:
        self._store = store
        self._redis = redis

    async def of(self, updates: Sequence[Update]) -> list[Outcome | None]:
        """For each update why it can't count any more, or None where nothing speaks against it."""
        if self._redis is not None:
            try:
                revoked = await self._redis.revoked([update.id for update in updates])
                # By attempt: a job that was queued again may be in other hands by now.
                return [
                    Outcome.CANCELLED if update.attempt <= attempt else None
                    for update, attempt in zip(updates, revoked, strict=True)
                ]
            except UnavailableError:
                pass
        try:
            return await self._store.read(partial(_judged, updates=updates))
        except UnavailableError:
            # Neither can be asked: the update is accepted and judged when it is applied.
            return [None] * len(updates)


def _judged(tx: Transaction, updates: Sequence[Update]) -> list[Outcome | None]:
    jobs = peek(tx, (update.id for update in updates))
    outcomes = [judge(jobs[u.id], u) if u.id in jobs else None for u in updates]
    return [outcome if outcome is Outcome.CANCELLED else None for outcome in outcomes]
