"""Which Python the set-up takes."""

import os
import subprocess
from pathlib import Path

import pytest

from stack.containers.docker import K8S

SCRIPT = K8S.parent / "requirements" / "python"


def named(distribution: Path) -> str:
    """What the script prints when `distribution` is the distribution's Python."""
    environment = {**os.environ, "DISTRIBUTION_PYTHON": str(distribution)}
    done = subprocess.run([SCRIPT], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_distributions_is_taken(tmp_path: Path) -> None:
    """It will do when it says so: it is new enough, and has venv and ensurepip."""
    assert named(made(tmp_path, ends=0)) == str(tmp_path / "python3")


@pytest.mark.parametrize("there", [True, False])
def test_one_that_will_not_do_leaves_it_to_the_path(tmp_path: Path, there: bool) -> None:
    """It is too old, lacks venv, or is not there at all."""
    assert named(made(tmp_path, ends=1) if there else tmp_path / "none") == "python3"


def made(folder: Path, ends: int) -> Path:
    """A Python that answers every question alike."""
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\nexit {ends}\n")
    path.chmod(0o755)
    return path
