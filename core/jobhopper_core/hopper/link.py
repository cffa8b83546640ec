"""A thread's connection to Redis. It may fail at any moment; nothing that is kept depends on it."""

import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from jobhopper_core.errors import ConfigurationError, UnavailableError
from jobhopper_core.hopper.commands import Command, HopperCommands

CONNECT_SECONDS = 1.0
SOCKET_SECONDS = 2.0
# While Redis is away it is asked this often; in between, calls fail at once.
PAUSE_SECONDS = 0.5


class HopperLink:
    """Runs the hopper's commands; loads its functions where they are missing."""

    def __init__(self, url: str, commands: HopperCommands) -> None:
        self.commands = commands
        self._client = client(url)
        self._closed_until = 0.0
        self._offset_ms: int | None = None

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to `commands`, sent together. Raises UnavailableError."""
        if time.monotonic() < self._closed_until:
            raise UnavailableError("Redis did not answer a moment ago.")
        try:
            return self._run(commands)
        except (RedisError, OSError) as error:
            self._closed_until = time.monotonic() + PAUSE_SECONDS
            self._offset_ms = None
            raise UnavailableError(f"Redis can't serve now: {error}") from error

    def now_ms(self) -> int:
        """Redis's time as known here. Raises UnavailableError."""
        if self._offset_ms is None:
            seconds, micros = self.run([("TIME",)])[0]
            self._offset_ms = int(seconds) * 1000 + int(micros) // 1000 - _local_ms()
        return _local_ms() + self._offset_ms

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
        return redis.Redis.from_url(url, **options())
    except ValueError:
        raise ConfigurationError(
            "JOBHOPPER_REDIS_URL must read redis://:PASSWORD@HOST:PORT/DATABASE "
            "(rediss:// for TLS)."
        ) from None


def options() -> dict[str, Any]:
    """What every client of ours is told; `now_ms` and breakers do the waiting, not the library."""
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": SOCKET_SECONDS,
        "retry": Retry(NoBackoff(), 1),
        "health_check_interval": 15,
    }


def is_missing(reply: object) -> bool:
    """Whether a reply says that Redis lost (or never had) the hopper's functions."""
    return isinstance(reply, ResponseError) and "function not found" in str(reply).lower()


def _local_ms() -> int:
    return time.time_ns() // 1_000_000
