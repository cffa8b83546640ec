"""`/metrics`, `/livez` and `/readyz` of processes that serve nothing else."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.telemetry.process import ProcessCollector

LIVE_SECONDS = 30.0
Ready = Callable[[], Mapping[str, str]]


class Pulse:
    """When each loop turned last; a process is alive while all have turned within 30 s."""

    def __init__(self) -> None:
        self._turned: dict[str, float] = {}

    def beat(self, loop: str) -> None:
        """Says that `loop` turned just now."""
        self._turned[loop] = time.monotonic()

    def forget(self, loop: str) -> None:
        """Says that `loop` has ended, as it should."""
        self._turned.pop(loop, None)

    def ages(self) -> dict[str, float]:
        """How many seconds ago each loop turned last."""
        now = time.monotonic()
        return {loop: now - turned for loop, turned in self._turned.copy().items()}

    def stale(self) -> list[str]:
        """The loops that have not turned for too long."""
        return sorted(loop for loop, age in self.ages().items() if age > LIVE_SECONDS)


def serve_probes(
    address: tuple[str, int], registry: CollectorRegistry, pulse: Pulse, ready: Ready
) -> ThreadingHTTPServer:
    """Serves the probes on a thread. `ready` tells reasons for not being so, by what lacks.

    Raises ConfigurationError when the address can't be had.
    """
    probes = _Probes(registry, pulse, ready)
    registry.register(ProcessCollector(pulse.ages, ready))
    try:
        server = ThreadingHTTPServer(address, type("Handler", (_Handler,), {"probes": probes}))
    except OSError as error:
        raise ConfigurationError(
            f"Can't listen on {address[0]}:{address[1]} for metrics: {error.strerror}; "
            "set JOBHOPPER_METRICS_LISTEN."
        ) from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server


class _Probes(NamedTuple):
    registry: CollectorRegistry
    pulse: Pulse
    ready: Ready

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self.registry)
        if path == "/livez":
            stale = self.pulse.stale()
            return _json(503 if stale else 200, {"live": not stale, "stale": stale})
        if path == "/readyz":
            reasons = dict(self.ready())
            return _json(503 if reasons else 200, {"ready": not reasons, "reasons": reasons})
        return _json(404, {"detail": "There are /metrics, /livez and /readyz."})


class _Handler(BaseHTTPRequestHandler):
    probes: _Probes
    timeout = 10

    def do_GET(self) -> None:
        status, content_type, body = self.probes.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing: probes are not worth a line each."""


def _json(status: int, value: object) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(value).encode()
