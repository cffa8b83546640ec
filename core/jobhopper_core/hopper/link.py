"""A process's way to Redis. It may fail at any moment; nothing that is kept depends on it."""

import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.retry import Retry

from jobhopper_core import authority, tcp
from jobhopper_core.breaker import Breaker
from jobhopper_core.errors import ConfigurationError, StoreFullError, UnavailableError
from jobhopper_core.hopper.commands import Command, HopperCommands
from jobhopper_core.model.times import SECOND

CONNECT_SECONDS = 1.0
SOCKET_SECONDS = 1.0
# Clocks drift, and a replica that takes over has one of its own.
_OFFSET_SECONDS = 10.0


class HopperLink:
    """Runs the hopper's commands, on any thread; loads its functions where they are missing."""

    def __init__(self, url: str, commands: HopperCommands) -> None:
        self.commands = commands
        self._client = client(url)
        self.breaker = Breaker()
        # Redis's time less this process's, in µs.
        self._offset = 0
        self._offset_until = 0.0

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to `commands`, sent together.

        Raises UnavailableError, of which StoreFullError says that Redis has no room.
        """
        if not self.breaker.admits():
            raise UnavailableError("Redis did not answer a moment ago.")
        try:
            replies = self._run(commands)
        except OutOfMemoryError as error:
            # It has answered, and what makes room must not be kept from it.
            self.breaker.succeeded()
            raise StoreFullError(f"Redis is full: {error}") from error
        except (RedisError, OSError) as error:
            self.breaker.failed()
            self._offset_until = 0.0
            # Each of them would fail once more when Redis is back.
            self._client.connection_pool.disconnect(inuse_connections=False)
            raise UnavailableError(f"Redis can't serve now: {error}") from error
        except BaseException:
            self.breaker.abandon()
            raise
        self.breaker.succeeded()
        return replies

    def now_ms(self) -> int:
        """Redis's time as known here, never ahead of it. Raises UnavailableError."""
        if time.monotonic() >= self._offset_until:
            seconds, micros = self.run([("TIME",)])[0]
            self._offset = int(seconds) * SECOND + int(micros) - _local()
            self._offset_until = time.monotonic() + _OFFSET_SECONDS
        return (_local() + self._offset) // 1000

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _run(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._send(commands)
        if any(is_missing(reply) for reply in replies):
            self._client.execute_command(*self.commands.load())  # type: ignore[no-untyped-call]
            replies = self._send(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        replies: list[Any] = pipeline.execute(raise_on_error=False)
        return replies


def client(url: str) -> "redis.Redis":
    """A client that waits for nothing without bound. Raises ConfigurationError."""
    try:
        made = redis.Redis.from_url(url, **options())
    except ValueError:
        raise ConfigurationError(
            "JOBHOPPER_REDIS_URL must read redis://:PASSWORD@HOST:PORT/DATABASE "
            "(rediss:// for TLS)."
        ) from None
    if file := made.connection_pool.connection_kwargs.get("ssl_ca_certs"):
        authority.check("JOBHOPPER_REDIS_URL", file)
    return made


def options() -> dict[str, Any]:
    """What every client of ours is told; `now_ms` and breakers do the waiting, not the library."""
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": SOCKET_SECONDS,
        "socket_keepalive": True,
        "socket_keepalive_options": tcp.options(),
        # For a connection that was closed while it lay idle; who timed out once, would again.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        "health_check_interval": 15,
    }


def is_missing(reply: object) -> bool:
    """Whether a reply says that Redis lost (or never had) the hopper's functions."""
    return isinstance(reply, ResponseError) and "function not found" in str(reply).lower()


def _local() -> int:
    # Not the time of day, which may be set while an offset holds.
    return time.monotonic_ns() // 1000
