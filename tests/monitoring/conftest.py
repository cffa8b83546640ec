"""Prometheus and its promtool; the services on real stores, under load and scraped."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.containers.container import Container

sys.path.append(str(Path(__file__).resolve().parents[2]))
sys.path.append(str(Path(__file__).parent))

from monitoring_load import Load  # this folder and the repository are found by the lines above
from monitoring_prometheus import Server

from stack.emptying import empty
from stack.services import Services, Stores

_TOOLS = Path(__file__).resolve().parents[2] / "k8s" / "tools"


@pytest.fixture(scope="session")
def tools() -> str:
    """A PATH with prometheus and promtool: the machine's own, or those of `k8s/tools`."""
    own = os.environ["PATH"]
    if shutil.which("prometheus") and shutil.which("promtool"):
        return own
    command = [_TOOLS, "prometheus", "promtool"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    (path,) = shlex.split(said.removeprefix("export PATH="))
    return path.replace("$PATH", own)


@pytest.fixture(scope="module")
def services(mysql: Container, rabbitmq: Container, valkey: Container) -> Iterator[Services]:
    stores = Stores(mysql.url, rabbitmq.url, valkey.url)
    empty(stores)
    with Services(stores, apis=2, consumers=2, refillers=2) as running:
        yield running


@pytest.fixture(scope="module")
def load(services: Services) -> Iterator[Load]:
    with Load(services) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    services: Services, tools: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with Server(services, tools, tmp_path_factory.mktemp("prometheus")) as running:
        yield running
