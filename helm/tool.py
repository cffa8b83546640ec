"""Runs helm, of the version that k8s/versions.env names."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "helm" / "jobhopper"
MATRIX = sorted((ROOT / "helm" / "tests" / "values").glob("*.yaml"))
_SECONDS = 120

Manifest = dict[str, Any]


class HelmError(Exception):
    """What helm complained of."""


def run(*arguments: str) -> str:
    """What `helm ARGUMENTS` prints. Raises HelmError."""
    done = subprocess.run(
        ["helm", *arguments],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise HelmError(done.stderr + done.stdout)
    return done.stdout


def render(*arguments: str, release: str = "jobhopper", namespace: str = "jobs") -> list[Manifest]:
    """The manifests that the chart makes, hooks included. Raises HelmError."""
    version = kubernetes_version()
    asked = ["template", release, str(CHART), "--namespace", namespace, "--kube-version", version]
    return parse(run(*asked, *arguments))


def parse(text: str) -> list[Manifest]:
    """The manifests of a stream of YAML documents."""
    return [one for one in yaml.safe_load_all(text) if one]


@cache
def kubernetes_version() -> str:
    """The version (`1.36`) of the cluster that the tests make."""
    text = (ROOT / "k8s" / "images.env").read_text()
    found = re.search(r"^KIND_NODE_IMAGE=.*:v(\d+\.\d+)", text, re.MULTILINE)
    if found is None:
        raise HelmError("k8s/images.env names no KIND_NODE_IMAGE")
    return found[1]


@cache
def _environment() -> dict[str, str]:
    # The tools make helm present and print a line that a shell evaluates; no cluster is asked.
    command = f'eval "$({ROOT}/k8s/tools helm)" && printf %s "$PATH"'
    path = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, text=True, check=True)
    return {**os.environ, "PATH": path.stdout, "KUBECONFIG": os.devnull}
