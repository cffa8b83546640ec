"""Which process a container belongs to, told by more than a number that is used again."""

import os
from contextlib import suppress

import psutil


def this_process() -> str:
    """The number of this process and the time of its start."""
    return _described(os.getpid())


def is_alive(owner: str) -> bool:
    """Whether the process that `this_process` described in some run still lives."""
    with suppress(psutil.NoSuchProcess, ValueError):
        return _described(int(owner.partition("-")[0])) == owner
    return False


def _described(pid: int) -> str:
    return f"{pid}-{psutil.Process(pid).create_time():.2f}"
