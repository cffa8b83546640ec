"""Resident memory of a process, in MB."""

import sys

import psutil

from stack.process import Process

MB = 1_000_000


def tell(measured: str) -> None:
    """Says what was measured: pytest shows it of a test that fails, and with `-s` or `-rP`."""
    sys.stdout.write(f"{measured}\n")


class Memory:
    """What a process takes, and by how much that has grown since it was first asked."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.before = self.now()

    def now(self) -> float:
        """Resident MB."""
        return float(psutil.Process(self._process.pid).memory_info().rss) / MB

    def grown(self) -> float:
        """MB since the beginning."""
        return self.now() - self.before

    def check(self, most: float, what: str) -> None:
        """Fails when it has grown by more than `most` MB; says by how much in any case."""
        grown = self.grown()
        said = f"{what}: {self._process.command} {self.before:.1f} MB, {grown:+.1f} MB"
        tell(said)
        assert grown < most, said
