"""Shows how the work goes on: a bar on a terminal, else a line now and then."""

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_LINE_SECONDS = 1.0


class Display(Protocol):
    """What both have in common."""

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends it."""

    def show(self, ended: int) -> None:
        """So many jobs have come to their end."""

    def say(self, text: str) -> None:
        """Something has happened."""


class Bar:
    """A progress bar that grows in place."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, ended: int) -> None:
        """Moves the bar."""
        self._progress.update(self._task, completed=ended)

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(text, highlight=False)


class Lines:
    """A line a second at most, for logs."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._due = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def show(self, ended: int) -> None:
        """A line, if the last one is a second old or the work is done."""
        if time.monotonic() < self._due and ended < self._total:
            return
        self._due = time.monotonic() + _LINE_SECONDS
        self.say(f"{self._title}: {ended} of {self._total}")

    def say(self, text: str) -> None:
        """A line."""
        self._console.print(text, highlight=False, soft_wrap=True)


def display(console: Console, title: str, total: int) -> Display:
    """What suits the console."""
    return (Bar if console.is_terminal else Lines)(console, title, total)
