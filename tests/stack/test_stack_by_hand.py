"""`make stack`, once the stores run: the demo on the services, and Ctrl-C ends everything."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from stack.emptying import empty
from stack.ports import free_port
from stack.services import Stores

pytestmark = [pytest.mark.timed, pytest.mark.slow]
_REPOSITORY = Path(__file__).resolve().parents[2]
_SECONDS = 60


class Terminal:
    """`python -m stack` as the leader of a terminal's group of processes."""

    def __init__(self, stores: Stores, log: Path) -> None:
        self.port = free_port()
        self._log = log
        settings = {f"JOBHOPPER_{name.upper()}_URL": url for name, url in stores._asdict().items()}
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                # What runs in the background may have inherited that SIGINT is ignored.
                ["env", "--default-signal=INT", sys.executable, "-m", "stack"],
                cwd=_REPOSITORY,
                env={**os.environ, **settings, "STACK_PORT": str(self.port)},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def shown(self) -> str:
        return self._log.read_text()

    def await_shown(self, text: str) -> None:
        until = time.monotonic() + _SECONDS
        while text not in self.shown():
            assert self._process.poll() is None, self.shown()
            assert time.monotonic() < until, self.shown()
            time.sleep(0.05)

    def interrupt(self) -> int:
        """Ctrl-C: each process of the group gets the signal. The exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(_SECONDS)

    def left(self) -> bool:
        """Whether a process of the group still runs."""
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> None:
        if self.left():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_SECONDS)


@pytest.fixture
def terminal(stores: Stores, tmp_path: Path) -> Iterator[Terminal]:
    empty(stores)
    made = Terminal(stores, tmp_path / "shown")
    yield made
    made.end()


def test_the_demo_runs_and_the_services_go_on_until_ctrl_c(terminal: Terminal) -> None:
    terminal.await_shown("Ctrl-C ends the services.")
    assert f"export JOBHOPPER_URL=http://127.0.0.1:{terminal.port}" in terminal.shown()
    with urlopen(f"http://127.0.0.1:{terminal.port}/readyz", timeout=2) as reply:
        assert reply.status == 200
    assert terminal.interrupt() == 0
    assert not terminal.left()
    assert "Traceback" not in terminal.shown()


@pytest.mark.parametrize("shown", ["", "Jobhopper serves on"], ids=["at the start", "in the demo"])
def test_ctrl_c_ends_it_at_any_time(terminal: Terminal, shown: str) -> None:
    terminal.await_shown(shown)
    # Into the start of the services, or of the demo.
    time.sleep(1.5)
    terminal.interrupt()
    assert not terminal.left()
    assert "Traceback" not in terminal.shown()


@pytest.mark.parametrize("port", ["", "x", "99999"])
def test_a_port_that_can_not_be_had_is_one_clear_line(stores: Stores, port: str) -> None:
    settings = {f"JOBHOPPER_{name.upper()}_URL": url for name, url in stores._asdict().items()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings["STACK_PORT"] = port or str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "stack"],
            cwd=_REPOSITORY,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Can't listen on port")
    assert line.endswith("set STACK_PORT.")
