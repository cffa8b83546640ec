"""Takes part in the outage mode: says whether this process reaches MySQL, learns how all fare.

The state is Redis's (`hopper.outage`). Claims ask for it each time; here it is remembered for those
calls that would not ask Redis otherwise. Whoever reaches MySQL moves an outage on to its end.
"""

import asyncio
import logging
import secrets
import time

from jobhopper_api.bridge import Store
from jobhopper_api.redis_side import RedisSide
from jobhopper_api.sight import Sight
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_api.writes.broker import BrokerPath
from jobhopper_core.errors import UnavailableError
from jobhopper_core.hopper.outage import Outage, Phase, outage
from jobhopper_core.model.times import SECOND

_log = logging.getLogger(__name__)

_TURN_SECONDS = 0.25
# Without Redis the state is believed for as long as a report counts there.
_BELIEVED_SECONDS = 5.0
# A claim that was not confirmed so soon after its taking is not handed out.
HANDOUT_SECONDS = 0.8
_GUARD = int((HANDOUT_SECONDS + 0.2) * SECOND)
# Without RabbitMQ nothing is applied: after so long an outage ends all the same.
_GIVE_UP_SECONDS = 30.0


class OutageWatch:
    """Lives on the event loop. Without Redis or a `sight` there is no outage mode."""

    def __init__(
        self,
        store: Store,
        redis: RedisSide | None,
        broker: BrokerPath | None,
        sight: Sight | None,
        metrics: ApiMetrics,
    ) -> None:
        self._store = store
        self._redis = redis
        self._broker = broker
        self._sight = sight
        self._metrics = metrics
        self._process = secrets.token_hex(8)
        self.state = Outage()
        self._heard = self._carried = time.monotonic()

    async def run(self) -> None:
        """Reports until cancelled."""
        while self._redis is not None and self._sight is not None:
            try:
                await self._turn(self._redis, self._sight)
            except UnavailableError:
                if time.monotonic() > self._heard + _BELIEVED_SECONDS:
                    self._note(Outage())
            except Exception:  # noqa: BLE001 - a loop outlives whatever fails a turn
                _log.exception("loop_failed", extra={"turn": "outage"})
            await asyncio.sleep(_TURN_SECONDS)

    def refuse_changes(self) -> None:
        """Raises UnavailableError while MySQL may not know yet who works on what."""
        if self.state.active:
            raise UnavailableError(
                "The database was away, and what was handed out meanwhile is not known there yet; "
                "try again in a moment."
            )

    async def _turn(self, redis: RedisSide, sight: Sight) -> None:
        reaches = self._store.breaker.closed
        report = redis.commands.report(self._process, self.state, reaches_mysql=reaches)
        found = outage((await redis.run(report))[0])
        self._heard = time.monotonic()
        if self._broker is None or self._broker.up:
            self._carried = self._heard
        self._note(found)
        if found.active and reaches:
            await self._move_on(redis, sight, found)

    async def _move_on(self, redis: RedisSide, sight: Sight, found: Outage) -> None:
        await sight.ask()
        after = self._after(sight, found)
        if after is not None:
            await redis.run(redis.commands.step(found, *after))

    def _after(self, sight: Sight, found: Outage) -> tuple[Phase, int] | None:
        """The next phase and its mark, when its time has come."""
        if found.phase is Phase.DOWN:
            return Phase.CATCHING_UP, self._store.now()
        if time.monotonic() > self._carried + _GIVE_UP_SECONDS:
            _log.warning("outage_given_up")
            return Phase.NONE, 0
        if sight.updates_applied() <= found.mark:
            return None
        if found.phase is Phase.CATCHING_UP:
            # What was taken a moment ago may still be on its way to RabbitMQ.
            return Phase.CLOSING, self._store.now() + _GUARD
        return Phase.NONE, 0

    def _note(self, found: Outage) -> None:
        if found.phase is not self.state.phase:
            _log.warning("outage_phase", extra={"phase": found.phase.value})
        self.state = found
        for phase in Phase:
            if phase is not Phase.NONE:
                self._metrics.outage.labels(phase.value).set(found.phase is phase)
