"""Passes on what a committed transaction changed: to this process, and to Redis for the others."""

import logging
from collections.abc import Callable
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_api.hub import Hub
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.errors import StoreFullError, UnavailableError
from jobhopper_core.hopper.commands import Command
from jobhopper_core.hopper.mirror import drop_key, keep_key
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.telling import paused, told, untold
from jobhopper_core.model.access import ApiKey
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.store.refill import ready_by_id
from jobhopper_core.store.save import Effects

_log = logging.getLogger(__name__)


class Announcer:
    """Announces effects; without Redis in this process alone."""

    def __init__(self, store: Store, hub: Hub, redis: RedisSide | None) -> None:
        self._store = store
        self._hub = hub
        self._redis = redis

    async def before(self) -> int | None:
        """Redis's time (ms), to be taken before the database is read; None without Redis."""
        try:
            return await self._redis.now_ms() if self._redis is not None else None
        except UnavailableError:
            return None

    async def announce(self, effects: Effects, at_ms: int | None) -> None:
        """Passes `effects` on; what Redis does not hear of is healed by the refills."""
        if self._redis is None:
            self._hub.publish(effects)
            return
        try:
            if at_ms is not None:
                await self._tell(self._redis, effects, at_ms)
        except UnavailableError as error:
            _log.info("offer_lost", extra={"reason": str(error)[:200]})
        # Whoever waits in this process is told even when Redis is away.
        self._hub.publish(effects)

    async def announce_settings(self, queue: str, settings: QueueSettings) -> None:
        """Passes a queue's settings on. A refiller repeats it, should Redis be away."""
        if self._redis is not None:
            said = paused(self._redis.names, queue, settings)
            try:
                await self._redis.run(*said)
            except UnavailableError as error:
                _log.info("offer_lost", extra={"reason": str(error)[:200]})
        # A queue that goes on after a pause has waiters who were told that there is nothing.
        self._hub.announce(queue)

    async def announce_key(self, key: ApiKey, digest: bytes) -> None:
        """Keeps a new API key where it can be found without the database."""
        await self._mirror(lambda names: keep_key(names, key, digest))

    async def announce_key_gone(self, key_id: str) -> None:
        """Drops a deleted API key there."""
        await self._mirror(lambda names: drop_key(names, key_id))

    async def _mirror(self, command: Callable[[Names], Command]) -> None:
        if self._redis is None:
            return
        try:
            await self._redis.run(command(self._redis.names))
        except UnavailableError as error:
            # A refiller says it again.
            _log.info("offer_lost", extra={"reason": str(error)[:200]})

    async def _tell(self, redis: RedisSide, effects: Effects, at_ms: int) -> None:
        job_ids = [job_id for _, job_id in effects.readied]
        ready = await self._store.read(partial(ready_by_id, job_ids=job_ids)) if job_ids else []
        now = self._store.now()
        commands = told(redis.commands, redis.names, effects, ready, at_ms, now)
        if not commands:
            return
        try:
            await redis.run(*commands)
        except StoreFullError:
            if missed := untold(redis.commands, effects, ready):
                await redis.run(*missed)
            raise
