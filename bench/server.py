"""Starts the embedded server for a measure, on a database file of its own."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_DEV = "import sys; from jobhopper_embedded.dev import main; sys.exit(main(sys.argv[1:]))"
_START_SECONDS = 20


@contextmanager
def embedded(database: Path | None = None) -> Iterator[int]:
    """A running server; gives its port. Without `database`, on a new file that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = database or Path(folder) / "bench.db"
        port = _free_port()
        command = [sys.executable, "-c", _DEV, "--port", str(port), "--db", str(path)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("the server did not start")
