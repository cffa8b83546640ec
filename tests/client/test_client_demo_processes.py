"""The demo's children end with it, whenever it is broken off."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from jobhopper.demo.processes import processes

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", _SIGNALS)
def test_one_that_is_just_being_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    made: list[int] = []

    class Interrupted(subprocess.Popen[str]):
        def __init__(self, *arguments: object, **more: object) -> None:
            super().__init__(*arguments, **more)  # type: ignore[call-overload]
            made.append(self.pid)
            os.kill(os.getpid(), number)
            # Python looks for signals between its steps.
            time.sleep(0.001)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), processes() as children:
            children.start("http.server", ["0"], {}, tmp_path / "log")
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert len(made) == 1
    assert not psutil.pid_exists(made[0])


@pytest.mark.parametrize("number", _SIGNALS)
def test_what_is_ignored_remains_so(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with processes():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
