"""Claims while MySQL is away: the hopper hands out, RabbitMQ carries the claim to MySQL.

Each claim is a write and confirmed before its job is handed out, so whatever the worker says later
travels behind it and finds it applied.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence

from jobhopper_api.bridge import Store
from jobhopper_api.claims.picking import picks_of
from jobhopper_api.outage_watch import HANDOUT_SECONDS
from jobhopper_api.redis_side import RedisSide
from jobhopper_api.writes.broker import BrokerPath
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import UnavailableError
from jobhopper_core.hopper.commands import Taken
from jobhopper_core.model import ids
from jobhopper_core.model.job import Demand
from jobhopper_core.model.writes import Claim
from jobhopper_core.store.claim import Handout, Pick, handed_out

_log = logging.getLogger(__name__)


class ProvisionalClaims:
    """Hands out what was taken from the hopper."""

    def __init__(
        self, store: Store, redis: RedisSide, broker: BrokerPath | None, shards: int
    ) -> None:
        self._store = store
        self._redis = redis
        self._broker = broker
        self._shards = shards

    async def hand_out(
        self, queue: str, demands: Sequence[Demand], found: Taken, asked: float, lease: int
    ) -> Handout:
        """Claims the jobs of `found` for `demands`; `lease` (µs) is the queue's.

        `asked` (s, monotonic) is when Redis was asked for them: had this process stood still since,
        the outage might be over. Raises UnavailableError when nothing can be handed out.
        """
        if not found.jobs:
            if found.state in {"ok", "paused"}:
                return Handout([[] for _ in demands], left=False)
            raise UnavailableError(
                f"The database is away, and what was ready of queue {queue!r} is used up; "
                "try again in a moment."
            )
        if self._broker is None or not self._broker.up:
            await self._redis.give_back(queue, found.jobs)
            raise UnavailableError("The database is away, and RabbitMQ can't keep a claim now.")
        if time.monotonic() > asked + HANDOUT_SECONDS / 2:
            await self._redis.give_back(queue, found.jobs)
            raise UnavailableError("It took too long to get here; try again.")
        now = self._store.now()
        picks = picks_of(found.jobs, demands, lease, now)
        won = await self._confirmed(self._broker, picks, now)
        if not won or time.monotonic() > asked + HANDOUT_SECONDS:
            _log.warning("claim_unconfirmed", extra={"jobs": len(picks)})
            raise UnavailableError("RabbitMQ did not confirm the claim in time.")
        jobs = handed_out(picks, won, len(demands))
        marked = [[job._replace(path="provisional") for job in one] for one in jobs]
        return Handout(marked, left=len(picks) == sum(demand.jobs for demand in demands))

    async def _confirmed(self, broker: BrokerPath, picks: Sequence[Pick], now: int) -> set[str]:
        """The ids of those whose claim RabbitMQ has. Of the others nobody knows.

        They are not put back: RabbitMQ may have them, and another claim would come to nothing.
        """
        by_shard: defaultdict[int, list[Claim]] = defaultdict(list)
        for pick in picks:
            by_shard[ids.shard(pick.job.id, self._shards)].append(_write(pick, now))
        groups = list(by_shard.values())
        ends = await asyncio.gather(
            *[broker.publish(Lane.UPDATES, group, now, HANDOUT_SECONDS) for group in groups],
            return_exceptions=True,
        )
        sure = [group for group, end in zip(groups, ends, strict=True) if end is None]
        return {claim.id for group in sure for claim in group}


def _write(pick: Pick, now: int) -> Claim:
    job = pick.job
    return Claim(
        id=job.id,
        at=now,
        claim_id=job.claim_id,
        attempt=job.attempt,
        until=job.lease_until,
        worker=pick.worker,
    )
