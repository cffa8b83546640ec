"""A real server in a process of its own: the embedded mode on a database file."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from stack.ports import free_port

START_SECONDS = 30


@dataclass
class RunningServer:
    """Can be stopped and started again on the same port and file."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.port = self.port or free_port()
        command = [sys.executable, "-m", "jobhopper", "dev", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--db", str(self.folder / "jobs.db")],
                env=environment(self.settings),
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def stop(self, *, kill: bool = False) -> None:
        assert self.process is not None
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(10)

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            try:
                answer = urllib3.request("GET", f"{self.url}/readyz", timeout=1, retries=False)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
            else:
                if answer.status == 200:
                    return
        raise AssertionError("the server did not become ready")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process, and of the JOBHOPPER_ ones only `settings`."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("JOBHOPPER_")}
    return {**kept, **settings}


NewServer = Callable[..., AbstractContextManager[RunningServer]]
