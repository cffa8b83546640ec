"""Serves the API until it is told to stop."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from types import FrameType

import uvicorn

from jobhopper_api.app import build_app
from jobhopper_api.http.ending import end
from jobhopper_api.http.protocol import BoundedProtocol
from jobhopper_api.services import Services
from jobhopper_core.errors import ConfigurationError

_log = logging.getLogger(__name__)
_BACKLOG = 2_048
# What was begun when the signal came has this long to end; requests have a deadline below it.
_GRACE_SECONDS = 5


def bind(host: str, port: int, remedy: str) -> socket.socket:
    """A socket bound to `host` and `port`. Raises ConfigurationError, which ends with `remedy`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    # OverflowError: a port above 65535. TypeError: a host that can't be encoded.
    except (OSError, OverflowError, TypeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error).removeprefix("bind(): ").rstrip(".")
        raise ConfigurationError(f"Can't listen on {host}:{port}: {reason}; {remedy}.") from None
    return listener


class _Server(uvicorn.Server):
    """Tells those who wait for work that it is over, before connections are asked to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        services: Services,
        on_started: Callable[[], None],
        told_to_stop: Callable[[], bool],
    ) -> None:
        super().__init__(config)
        self._services = services
        self._on_started = on_started
        self._told_to_stop = told_to_stop
        self._loop = asyncio.get_running_loop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        self._on_started()
        # From here on signals come to `handle_exit`; one that came before has been noted elsewhere.
        if self._told_to_stop():
            self.handle_exit(signal.SIGTERM, None)

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """Called by the signal; a second SIGINT does not wait for what was begun."""
        # Uvicorn's own would raise the signal once more when all is done, and the process would
        # end by it, with its database open, instead of with exit code 0.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._let_go)

    def _let_go(self) -> None:
        self._services.claims.close()
        self._services.hub.close()


async def serve(
    services: Services,
    listener: socket.socket,
    background: Sequence[Coroutine[None, None, None]],
    on_started: Callable[[], None],
    told_to_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Serves on `listener` until SIGINT or SIGTERM; calls `on_started` once it does.

    `background` runs beside it and is cancelled at the end. `told_to_stop`: whether the signal came
    before it could be heard here.
    """
    config = uvicorn.Config(
        build_app(services),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    await services.health.probe()
    tasks = [asyncio.create_task(one) for one in (*background, services.health.run())]
    _log.info("started", extra={"address": str(listener.getsockname())})
    try:
        await _Server(config, services, on_started, told_to_stop).serve(sockets=[listener])
    finally:
        _log.info("stopping")
        await end(tasks)
        if services.sight is not None:
            services.sight.close()
        if services.redis is not None:
            await services.redis.close()
