"""Runs the tools of a cluster."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "k8s" / "cluster"
CHART = ROOT / "helm" / "jobhopper"


class FailedError(Exception):
    """A command ended with an error; the text is what it said."""


def run(*command: str | Path, seconds: float = 120, **environment: str) -> str:
    """What the command printed on its standard output. Raises FailedError with all it said."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        raise FailedError(f"{command[0]} {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def path_of(script_output: str) -> str:
    """The PATH in a line that is meant to be eval'ed."""
    (line,) = [line for line in script_output.splitlines() if line.startswith("export PATH=")]
    value = line.removeprefix("export PATH=").strip('"')
    return value.replace("$PATH", os.environ["PATH"])
