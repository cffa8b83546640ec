"""The event loop's connection to Redis: the hopper, what is announced, and what was revoked.

It may fail at any moment: callers then go to MySQL, and Redis is left alone for a moment so
that nobody waits for it in vain.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError

from jobhopper_api.hub import Hub
from jobhopper_core.breaker import PAUSE_SECONDS, Breaker
from jobhopper_core.errors import ConfigurationError, StoreFullError, UnavailableError
from jobhopper_core.hopper import audit, mirror
from jobhopper_core.hopper.commands import Command, HopperCommands
from jobhopper_core.hopper.link import is_missing, options
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import Held, held, offer
from jobhopper_core.hopper.silence import Silence
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.telemetry.reason import reason_of

_log = logging.getLogger(__name__)

# Of the request's 2.8 s, Redis may take no more than this.
ANSWER_SECONDS = 0.5
# While MySQL is away there is nobody else to ask.
_SOLE_SECONDS = 1.5
_LISTEN_SECONDS = 5.0
# RuntimeError: the library writes to a connection that the loop has closed meanwhile.
_AWAY = (RedisError, OSError, TimeoutError, RuntimeError)
_OFFSET_SECONDS = 10.0
# A queue's refill is asked for at most this often by this process.
_REFILL_SECONDS = 0.02


class RedisSide:
    """Runs commands and listens."""

    def __init__(self, url: str, names: Names, hub: Hub) -> None:
        self.names = names
        self.commands = HopperCommands(names)
        self._hub = hub
        try:
            self._client = redis.asyncio.Redis.from_url(
                url, **{**options(), "retry": Retry(NoBackoff(), 0)}
            )
        except ValueError:
            raise ConfigurationError(
                "JOBHOPPER_REDIS_URL must read redis://:PASSWORD@HOST:PORT/DATABASE."
            ) from None
        self.breaker = Breaker()
        # Redis's time less this process's monotonic one, which no step of a clock moves.
        self._offset_ms = 0
        self._offset_until = 0.0
        self._asked: dict[str, float] = {}
        # Whether there is nobody else to ask.
        self.is_sole: Callable[[], bool] = lambda: False

    async def run(self, *commands: Command) -> list[Any]:
        """The replies to `commands`, sent together.

        Raises UnavailableError, of which StoreFullError says that Redis has no room.
        """
        if not self.breaker.admits():
            raise UnavailableError("Redis did not answer a moment ago.")
        try:
            async with asyncio.timeout(_SOLE_SECONDS if self.is_sole() else ANSWER_SECONDS):
                replies = await self._run(commands)
        except OutOfMemoryError as error:
            # It has answered, and what makes room must not be kept from it.
            self.breaker.succeeded()
            raise StoreFullError(f"Redis is full: {error}") from error
        except _AWAY as error:
            self.breaker.failed()
            self._offset_until = 0.0
            # Each of them would fail once more when Redis is back.
            with suppress(*_AWAY):
                await self._client.connection_pool.disconnect(inuse_connections=False)
            raise UnavailableError(f"Redis can't serve now: {error}") from error
        except BaseException:
            self.breaker.abandon()
            raise
        self.breaker.succeeded()
        return replies

    async def ping(self) -> None:
        """Returns when Redis answers. Raises UnavailableError."""
        await self.run(("PING",))

    async def now_ms(self) -> int:
        """Redis's time as known here. Raises UnavailableError."""
        if time.monotonic() >= self._offset_until:
            seconds, micros = (await self.run(("TIME",)))[0]
            self._offset_ms = int(seconds) * 1000 + int(micros) // 1000 - _local_ms()
            self._offset_until = time.monotonic() + _OFFSET_SECONDS
        return _local_ms() + self._offset_ms

    async def give_back(self, queue: str, jobs: Sequence[Held]) -> None:
        """Puts back what was taken and not claimed, as well as that can be done."""
        if not jobs:
            return
        offers = [offer(job) for job in jobs]
        # What is lost here the next refill finds.
        with suppress(UnavailableError):
            try:
                await self.run(self.commands.give_back(queue, offers))
            except StoreFullError:
                # Else the refill that finds them would take them for taken.
                let_go = self.commands.let_go(queue, [one.id for one in offers])
                await self.run(self.commands.refuse(queue, offers), let_go)

    async def ask_for_refill(self, queue: str) -> None:
        """Tells the refillers that `queue` runs low; not too often."""
        now = time.monotonic()
        if now - self._asked.get(queue, 0.0) > _REFILL_SECONDS:
            self._asked[queue] = now
            await self.run(("PUBLISH", self.names.plain("refill"), queue))

    async def revoked(self, job_ids: Sequence[str]) -> list[int]:
        """For each job the attempt that an operator ended, or 0. Raises UnavailableError."""
        replies = await self.run(("MGET", *(self.names.revoked(one) for one in job_ids)))
        return [int(reply or 0) for reply in replies[0]]

    async def settings(self, queue: str) -> QueueSettings | None:
        """The settings of `queue` as they are mirrored. Raises UnavailableError."""
        reply = (await self.run(("HGET", self.names.settings(queue), "json")))[0]
        return mirror.settings(reply)

    async def key(self, key_id: str) -> mirror.MirroredKey | None:
        """An API key as it is mirrored. Raises UnavailableError."""
        return mirror.key((await self.run(("HGET", self.names.plain("keys"), key_id)))[0])

    async def audit(self) -> audit.Report | None:
        """The newest audit. Raises UnavailableError."""
        return audit.report((await self.run(("GET", self.names.plain("audit"))))[0])

    async def top(self, queue: str, count: int) -> list[Held]:
        """The next jobs of the hopper, in order. Raises UnavailableError."""
        found = (await self.run(self.commands.next_ids(queue, count)))[0]
        if not found:
            return []
        bodies = (await self.run(self.commands.bodies(queue, [id_.decode() for id_ in found])))[0]
        return [held(body) for body in bodies if body is not None]

    async def find(self, job_id: str) -> Held | None:
        """The job wherever a hopper holds it. Raises UnavailableError."""
        queues = mirror.queue_names((await self.run(("GET", self.names.plain("queues"))))[0])
        if not queues:
            return None
        replies = await self.run(*[self.commands.bodies(queue, [job_id]) for queue in queues])
        return next((held(body) for (body,) in replies if body is not None), None)

    async def listen(self) -> None:
        """Passes announcements on to the hub until cancelled."""
        while True:
            try:
                await self._listen()
            except _AWAY as error:
                _log.warning("redis_lost", extra={"reason": reason_of(error)})
                await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _listen(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.psubscribe(self.names.offers_pattern())
            await pubsub.subscribe(self.names.plain("finished"))
            silence = Silence(_LISTEN_SECONDS)
            while True:
                message = await pubsub.get_message(
                    ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS
                )
                silence.heard(message is not None)
                if message is not None:
                    self._hear(message["channel"].decode(), message["data"].decode())

    def _hear(self, channel: str, data: str) -> None:
        if channel == self.names.plain("finished"):
            self._hub.finish(data.split(","))
        else:
            self._hub.announce(self.names.queue_of_channel(channel))

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        replies = await self._send(commands)
        if any(is_missing(reply) for reply in replies):
            await self._client.execute_command(*self.commands.load())  # type: ignore[no-untyped-call]
            replies = await self._send(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies


def _local_ms() -> int:
    return time.monotonic_ns() // 1_000_000
