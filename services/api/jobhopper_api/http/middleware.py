"""The outermost layer: measures requests and guards the host name."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobhopper_api.http.problems import CONTENT_TYPE, encoded
from jobhopper_api.telemetry import ApiMetrics

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}


class Outermost:
    """Wraps the app. With `loopback_only`, a foreign Host header is refused (DNS rebinding)."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, *, loopback_only: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or passes on what isn't one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = _Watch(scope, send, self._metrics)
        if self._loopback_only and not _names_loopback(scope):
            await _refuse_host(watch.send)
        else:
            await self._app(scope, receive, watch.send)


class _Watch:
    """Follows one response and observes how long it took."""

    def __init__(self, scope: Scope, send: Send, metrics: ApiMetrics) -> None:
        self._scope = scope
        self._send = send
        self._metrics = metrics
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._observe(message["status"])
        await self._send(message)

    def _observe(self, status: int) -> None:
        route = self._scope.get("route")
        path = getattr(route, "path", "unknown")
        method = self._scope["method"] if route is not None else "unknown"
        took = time.perf_counter() - self._began
        self._metrics.requests.labels(method, path, status).observe(took)


def _names_loopback(scope: Scope) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode(
        "latin1"
    )
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.lower() in _LOOPBACK_NAMES


async def _refuse_host(send: Send) -> None:
    body = encoded(
        421,
        "misdirected_request",
        "Without API keys this server answers to localhost, 127.0.0.1 and [::1] alone.",
    )
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body})
