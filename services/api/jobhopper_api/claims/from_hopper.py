"""Claims through the hopper: Redis says who is next, MySQL decides who gets it."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_api.claims.from_store import StoreClaims
from jobhopper_api.claims.picking import picks_of
from jobhopper_api.claims.provisional import ProvisionalClaims
from jobhopper_api.claims.unknown import UnknownClaims
from jobhopper_api.queue_registry import QueueRegistry
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.errors import OutcomeUnknownError, UnavailableError
from jobhopper_core.flows.refill import position
from jobhopper_core.hopper.commands import Horizon, Taken, taken
from jobhopper_core.hopper.offer import Held
from jobhopper_core.hopper.outage import Phase, phase_of
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.model.times import SECOND
from jobhopper_core.store.claim import (
    Handout,
    Pick,
    claim_known,
    handed_out,
)
from jobhopper_core.store.queues import ensure
from jobhopper_core.store.refill import Position

_TRIES = 4
# At the end of an outage nothing is handed out for a moment.
_CLOSING_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class HopperClaims:
    """Takes from the hopper; where that knows nothing, from MySQL's own order."""

    def __init__(
        self,
        store: Store,
        redis: RedisSide,
        queues: QueueRegistry,
        provisional: ProvisionalClaims,
        unknown: UnknownClaims,
    ) -> None:
        self._store = store
        self._straight = StoreClaims(store, unknown)
        self._unknown = unknown
        self._redis = redis
        self._queues = queues
        self._provisional = provisional

    async def take(self, queue: str, demands: Sequence[Demand]) -> Handout:
        """As `store.claim`. Raises UnavailableError when MySQL can't serve."""
        lease = await self._lease(queue)
        jobs: list[list[ClaimedJob]] = [[] for _ in demands]
        try:
            for _ in range(_TRIES):
                rest = _rest(demands, jobs)
                more, end = await self._next(queue, rest, lease)
                jobs = _joined(jobs, more.jobs)
                if end:
                    return Handout(jobs, more.left)
            # All that the hopper knows is stale: the database knows what is ready now.
            more = await self._direct(queue, _rest(demands, jobs))
        except UnavailableError:
            if not any(jobs):
                raise
            # What was claimed has to reach its workers.
            return Handout(jobs, left=False)
        return Handout(_joined(jobs, more.jobs), more.left)

    async def _direct(
        self, queue: str, demands: Sequence[Demand], at: Position | None = None
    ) -> Handout:
        """From MySQL's own order. The hopper is told, for it may hold them, or be offered them.

        That would do no harm while MySQL decides; in an outage it does not.
        """
        handout = await self._straight.take(queue, demands, at)
        versions = {job.id: job.claimed_at for jobs in handout.jobs for job in jobs}
        if versions:
            with suppress(UnavailableError):
                await self._redis.run(self._redis.commands.forget(queue, versions))
        return handout

    async def _next(
        self, queue: str, demands: Sequence[Demand], lease: int
    ) -> tuple[Handout, bool]:
        """What the hopper gives, and whether that is all; not if some of it was stale."""
        wanted = sum(demand.jobs for demand in demands)
        asked = time.monotonic()
        found, phase = await self._take(queue, wanted)
        if found is not None and phase is not Phase.NONE:
            return await self._in_outage(queue, demands, found, phase, asked, lease)
        if found is None or found.state == "cold":
            return await self._direct(queue, demands), True
        if found.state == "paused":
            return Handout([[] for _ in demands], left=False), True
        handout = await self._claim(queue, demands, found.jobs, lease)
        claimed = sum(map(len, handout.jobs))
        if found.state == "dry" and not found.jobs and found.horizon is not None:
            return await self._beyond(queue, demands, found.horizon), True
        short = claimed < wanted and (found.state == "dry" or claimed < len(found.jobs))
        return Handout(handout.jobs, left=claimed == wanted), not short

    async def _beyond(self, queue: str, demands: Sequence[Demand], horizon: Horizon) -> Handout:
        """What the database has from the horizon on, where it is quickly read.

        When that is not enough it is asked from the start: no refiller may be there to find what
        was lost below the horizon.
        """
        handout = await self._direct(queue, demands, position(horizon))
        rest = _rest(demands, handout.jobs)
        if not any(demand.jobs for demand in rest):
            return handout
        try:
            more = await self._direct(queue, rest)
        except UnavailableError:
            if not any(handout.jobs):
                raise
            # What was claimed has to reach its workers.
            return handout
        return Handout(_joined(handout.jobs, more.jobs), more.left)

    async def _in_outage(
        self,
        queue: str,
        demands: Sequence[Demand],
        found: Taken,
        phase: Phase,
        asked: float,
        lease: int,
    ) -> tuple[Handout, bool]:
        until = time.monotonic() + _CLOSING_SECONDS
        wanted = sum(demand.jobs for demand in demands)
        while phase is Phase.CLOSING:
            await self._redis.give_back(queue, found.jobs)
            if time.monotonic() > until:
                raise UnavailableError("The database is back in a moment; try again.")
            await asyncio.sleep(_LOOK_SECONDS)
            asked = time.monotonic()
            again, phase = await self._take(queue, wanted)
            if again is None:
                raise UnavailableError("The database is back in a moment; try again.")
            found = again
        if phase is Phase.NONE:
            await self._redis.give_back(queue, found.jobs)
            # It has ended: the next try goes the usual way.
            return Handout([[] for _ in demands], left=True), False
        return await self._provisional.hand_out(queue, demands, found, asked, lease), True

    async def _lease(self, queue: str) -> int:
        known = self._queues.known([queue]).get(queue)
        if known is None:
            try:
                known = await self._store.write(partial(ensure, name=queue))
            except UnavailableError:
                known = await self._mirrored(queue)
            else:
                self._queues.note(queue, known)
        return known.lease * SECOND

    async def _mirrored(self, queue: str) -> QueueSettings:
        """The settings as they were last known, while MySQL can't be asked."""
        known = self._queues.remembered(queue)
        return known or await self._redis.settings(queue) or QueueSettings()

    async def _take(self, queue: str, wanted: int) -> tuple[Taken | None, Phase]:
        commands = self._redis.commands
        try:
            # The phase is read behind the taking: what is taken in an outage is never taken for
            # what MySQL could confirm.
            take, phase_ = await self._redis.run(commands.take(queue, wanted), commands.phase())
            found, now = taken(take), phase_of(phase_)
            if found.refill_due and now is Phase.NONE:
                await self._redis.ask_for_refill(queue)
        except UnavailableError:
            return None, Phase.NONE
        return found, now

    async def _claim(
        self, queue: str, demands: Sequence[Demand], jobs: Sequence[Held], lease: int
    ) -> Handout:
        if not jobs:
            return Handout([[] for _ in demands], left=False)
        now = self._store.now()
        picks = picks_of(jobs, demands, lease, now)
        try:
            verb = partial(claim_known, queue=queue, picks=picks, now=now)
            won = await self._store.write(verb)
        except OutcomeUnknownError:
            won = await self._won_after_all(queue, picks, jobs)
        except UnavailableError:
            await self._redis.give_back(queue, jobs)
            raise
        return Handout(handed_out(picks, won, len(demands)), left=False)

    async def _won_after_all(
        self, queue: str, picks: Sequence[Pick], jobs: Sequence[Held]
    ) -> set[str]:
        """What was won when the answer to the commit was lost; the others go back.

        While nobody knows they stay out: in an outage they would be handed out from the hopper,
        and MySQL would refuse what their second worker says.
        """
        won = await self._unknown.won(picks)
        await self._redis.give_back(queue, [job for job in jobs if job.id not in won])
        return won


def _rest(demands: Sequence[Demand], jobs: Sequence[list[ClaimedJob]]) -> list[Demand]:
    return [d._replace(jobs=d.jobs - len(got)) for d, got in zip(demands, jobs, strict=True)]


def _joined(
    jobs: Sequence[list[ClaimedJob]], more: Sequence[list[ClaimedJob]]
) -> list[list[ClaimedJob]]:
    return [got + others for got, others in zip(jobs, more, strict=True)]
