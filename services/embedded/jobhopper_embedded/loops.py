"""The loops of the embedded mode: each takes a turn, publishes what changed, and sleeps."""

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter

from jobhopper_api.bridge import Store
from jobhopper_api.hub import Hub
from jobhopper_core.flows.timers import Turn, expire_straight, promote_due, sweep_keys
from jobhopper_core.store.transaction import Transaction
from jobhopper_core.telemetry.labels import QueueLabel

_log = logging.getLogger(__name__)

TIMER_SECONDS = 0.2
SWEEP_SECONDS = 60.0
# After a turn that failed: long enough not to fill the log, short enough for timers' promise.
_MISSED_SECONDS = 1.0


class Loops:
    """Runs all loops until cancelled."""

    def __init__(
        self, store: Store, hub: Hub, shards: int, registry: CollectorRegistry, label: QueueLabel
    ) -> None:
        self._store = store
        self._hub = hub
        self._shards = shards
        self._label = label
        self._expired = Counter(
            "jobhopper_leases_expired_total",
            "Leases that ran out before their worker was heard of.",
            ["queue"],
            registry=registry,
        )

    async def run(self) -> None:
        """Takes turns for ever."""
        async with asyncio.TaskGroup() as group:
            promote = partial(promote_due, shards=self._shards)
            expire = partial(expire_straight, shards=self._shards, chance=random.random)
            group.create_task(self._loop("jobs_promoted", promote, TIMER_SECONDS))
            group.create_task(self._loop("leases_expired", expire, TIMER_SECONDS))
            group.create_task(self._loop("idempotency_keys_deleted", sweep_keys, SWEEP_SECONDS))

    async def _loop(self, event: str, verb: Callable[[Transaction], Turn], seconds: float) -> None:
        while True:
            pause = seconds
            try:
                turn = await self._store.write(verb)
            except Exception:  # noqa: BLE001 - a loop outlives whatever fails a turn
                _log.exception("loop_failed", extra={"turn": event})
                pause = max(seconds, _MISSED_SECONDS)
            else:
                self._report(event, turn)
                pause = 0 if turn.again else seconds
            await asyncio.sleep(pause)

    def _report(self, event: str, turn: Turn) -> None:
        self._hub.publish(turn.effects)
        for queue, n in turn.by_queue.items():
            self._expired.labels(self._label(queue)).inc(n)
        if turn.done:
            _log.info(event, extra={"jobs": turn.done})
