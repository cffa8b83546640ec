"""A service as a process: started, watched, killed, frozen."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_BIN = Path(sys.executable).parent
READY_SECONDS = 30.0


class Process:
    """One process of a service; its log goes to a file."""

    def __init__(self, command: str, settings: dict[str, str], log: Path, probe: int) -> None:
        self.command = command
        self.probe = probe
        self.log = log
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    def start(self) -> None:
        """Starts it; returns at once."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOPPER_")}
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [_BIN / self.command], env=plain | self._settings, stdout=log, stderr=log
            )

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Waits until its probe says that it is ready; raises RuntimeError with its log."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.alive:
            if self.ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.command} is not ready:\n{self.tail()}")

    def ready(self) -> bool:
        """Whether its probe says so now."""
        try:
            with urlopen(f"http://127.0.0.1:{self.probe}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def tail(self, size: int = 3_000) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-size:].decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._running().send_signal(number)

    def kill(self) -> None:
        """Kills it at once (-9) and waits for its end."""
        self.send(signal.SIGKILL)
        self._running().wait()

    def stop(self, seconds: float = 15.0) -> int:
        """Asks it to end and waits; kills it when it does not. Its exit code."""
        child = self._running()
        child.send_signal(signal.SIGCONT)
        child.terminate()
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._child is None:
            raise RuntimeError(f"{self.command} was never started")
        return self._child
