"""Faults of their own in the logs of processes; that a store is away is none."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from chaos.ground import Ground

_FAULTS = {
    "loop_failed",
    "request_failed",
    "group_commit_failed",
    "shard_halted",
    "message_unroutable",
    "dead_letter",
}


def faults_logged(ground: Ground) -> list[str]:
    """Each line that tells of one, behind the name of its process."""
    return [
        f"{name}: {line}"
        for name, process in ground.processes.items()
        for line in _faults_in(process.log)
    ]


def keep_logs(ground: Ground, folder: Path) -> None:
    """Copies the logs of all processes, over all their lives, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, process in ground.processes.items():
        shutil.copy(process.log, folder / f"{name}.log")


def _faults_in(log: Path) -> Iterator[str]:
    for line in log.read_text(errors="replace").splitlines():
        try:
            event = json.loads(line).get("event")
        except (ValueError, AttributeError):
            # No line of ours: a traceback of the interpreter, a warning of a library.
            if line.strip():
                yield line
            continue
        if event in _FAULTS:
            yield line
