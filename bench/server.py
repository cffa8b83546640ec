"""Starts the embedded server for a measure, on a database file of its own."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.connection import Target
from stack.emptying import empty
from stack.ports import free_port
from stack.services import Services, Stores

_DEV = "import sys; from jobhopper_embedded.dev import main; sys.exit(main(sys.argv[1:]))"
_START_SECONDS = 20


@contextmanager
def embedded(database: Path | None = None) -> Iterator[Target]:
    """A running server. Without `database`, on a new file that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = database or Path(folder) / "bench.db"
        port = free_port()
        command = [sys.executable, "-c", _DEV, "--port", str(port), "--db", str(path)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await(port, server)
            yield Target(port)
        finally:
            server.terminate()
            server.wait(timeout=10)


@contextmanager
def stack(stores: Stores) -> Iterator[Target]:
    """All services as processes on emptied stores."""
    empty(stores)
    with Services(stores) as services:
        yield Target(services.ports[0], services.key)


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("the server did not start")
