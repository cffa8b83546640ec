"""The demo's child processes: none of them outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_END_SECONDS = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Process = subprocess.Popen[str]


class Interrupts:
    """Turns signals into a KeyboardInterrupt, if need be a moment later."""

    def __init__(self) -> None:
        self._held = self._came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handles a signal."""
        if self._held:
            self._came = True
        else:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is interrupted in the block, but at its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            raise KeyboardInterrupt


@dataclass
class Processes:
    """Starts children, and ends them in the reverse order."""

    interrupts: Interrupts = field(default_factory=Interrupts)
    _started: list[Process] = field(default_factory=list)

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        log: Path,
        *,
        listen: bool = False,
    ) -> Process:
        """Runs a module with this Python; what it writes goes to `log`.

        With `listen`, its standard output is the caller's to read instead. Of the JOBHOPPER_
        variables it sees only `settings`.
        """
        # Interrupted in the midst of a start, nobody would know the child.
        with log.open("a") as written, self.interrupts.held():
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=_environment(settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if listen else written,
                stderr=written,
                text=True,
                # Ctrl-C at the terminal is for the demo, which then ends them in order.
                start_new_session=True,
            )
            self._started.append(process)
        return process

    def end(self) -> None:
        """Ends all that still run: politely, and after five seconds not."""
        while self._started:
            _end(self._started.pop())


@contextmanager
def processes() -> Iterator[Processes]:
    """Ends the children however the block is left: at SIGTERM and a closed terminal too."""
    children = Processes()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # What is ignored, as by `nohup`, remains so.
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, children.interrupts)
    try:
        yield children
    finally:
        # A second Ctrl-C must not leave one behind.
        try:
            for number in handled:
                signal.signal(number, signal.SIG_IGN)
        finally:
            children.end()
        for number in handled:
            signal.signal(number, before[number])


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    others = {name: text for name, text in os.environ.items() if not name.startswith("JOBHOPPER_")}
    return {**others, **settings}


def _end(process: Process) -> None:
    if process.stdin:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
