"""Toxiproxy, as a process: TCP proxies that are slow when told to be."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import Request, urlopen

from stack.ports import free_port

_TOOLS = Path(__file__).resolve().parents[1] / "k8s" / "tools"
_START_SECONDS = 10.0


class Toxiproxy(AbstractContextManager["Toxiproxy"]):
    """The server, with any number of proxies; it ends with the block, and with this process."""

    def __init__(self) -> None:
        self._port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the block

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", _program(), "-port", str(self._port)],
            stdout=self._log,
            stderr=self._log,
        )
        until = time.monotonic() + _START_SECONDS
        while not self._serves():
            if time.monotonic() > until or self._child.poll() is not None:
                self._log.seek(0)
                raise RuntimeError(f"toxiproxy does not serve: {self._log.read().decode()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_error: object) -> None:
        self._child.terminate()
        self._child.wait(10)
        self._log.close()

    def add(self, name: str, address: str, upstream: str) -> int:
        """Makes a proxy at the address; answers with its port."""
        made = self._call("POST", "proxies", name=name, listen=f"{address}:0", upstream=upstream)
        return int(made["listen"].rpartition(":")[2])

    def enable(self, name: str, *, enabled: bool) -> None:
        """A proxy that is not enabled closes what it has, and nothing listens on its port."""
        self._call("POST", f"proxies/{name}", enabled=enabled)

    @contextmanager
    def delaying(self, name: str, seconds: float) -> Iterator[None]:
        """Within the block everything takes so much longer, there and back together."""
        half = {"latency": round(seconds * 500), "jitter": 0}
        for way in ("upstream", "downstream"):
            toxic = {"name": way, "type": "latency", "stream": way, "attributes": half}
            self._call("POST", f"proxies/{name}/toxics", **toxic)
        try:
            yield
        finally:
            for way in ("upstream", "downstream"):
                self._call("DELETE", f"proxies/{name}/toxics/{way}")

    def _serves(self) -> bool:
        try:
            self._call("GET", "proxies")
        except (URLError, OSError):
            return False
        return True

    def _call(self, method: str, path: str, **body: object) -> dict[str, Any]:
        data = json.dumps(body).encode() if body else None
        url = f"http://127.0.0.1:{self._port}/{path}"
        request = Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found


@cache
def _program() -> str:
    """Where the server is: the machine's own, or built once."""
    command = f'eval "$({_TOOLS} toxiproxy-server)" && command -v toxiproxy-server'
    found = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()
