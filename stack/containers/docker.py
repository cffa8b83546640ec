"""The docker command, and what has to be there before it is of use: a daemon and images."""

import re
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

from .owner import is_alive, this_process

LABEL = "jobhopper.tests"
K8S = Path(__file__).resolve().parents[2] / "k8s"


def docker(*args: str, seconds: float = 60) -> str:
    """Runs docker and returns what it printed. What it complained of is in the error."""
    return _run(["docker", *args], seconds)


@cache
def prepare() -> None:
    """Makes Docker answer, and removes the containers whose test run is over."""
    _run([str(K8S / "airgap" / "docker-up")], 600)
    form = '{{.ID}} {{.Label "' + LABEL + '"}}'
    for line in docker("ps", "--all", "--filter", f"label={LABEL}", "--format", form).splitlines():
        container, owner = line.split(maxsplit=1)
        if not is_alive(owner):
            # Another process of the run may be about to remove it as well: one of them succeeds.
            with suppress(RuntimeError):
                docker("rm", "--force", "--volumes", container)


@cache
def image(variable: str) -> str:
    """The name of an image that k8s/images.env knows under `variable`, made present."""
    prepare()
    named = re.search(rf"^{variable}=(.+)$", (K8S / "images.env").read_text(), re.MULTILINE)
    assert named, f"{variable} is not in k8s/images.env"
    _run([str(K8S / "airgap" / "image"), named[1]], 1200)
    return named[1]


def log(container: str, lines: int) -> str:
    """The last lines that a container wrote, on both of its streams."""
    command = ["docker", "logs", "--tail", str(lines), container]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout


def labels() -> tuple[str, ...]:
    """What marks a container as this test run's."""
    return ("--label", f"{LABEL}={this_process()}")


def _run(command: list[str], seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
