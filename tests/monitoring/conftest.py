"""Prometheus and its promtool; the services on real stores, under load and scraped."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from scraping.load import Load

from stack.containers.container import Container
from stack.containers.docker import docker

sys.path.append(str(Path(__file__).resolve().parents[2]))

from scraping.server import Server, Settings  # the repository is found by the line above

from monitoring import alerts, rules
from monitoring.alerts import writes
from stack.emptying import empty
from stack.process import Process
from stack.services import Services, Stores

# What the rules take for a queue's limit; a queue never gets as full as the real one in seconds.
QUEUE_MAX_BYTES = 400_000
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
    with Load(services.ports, services.key) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    services: Services,
    rabbitmq: Container,
    tools: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    # As the chart's template does with the limit of a queue.
    limits = str(writes.QUEUE_MAX_BYTES), str(QUEUE_MAX_BYTES)
    texts = [text.replace(*limits) for text in rules.files(alerts.ALL).values()]
    groups = [group for text in texts for group in yaml.safe_load(text)["groups"]]
    folder = tmp_path_factory.mktemp("prometheus")
    scraped = [_scraped(services), _scraped_broker(rabbitmq)]
    with Server(scraped, groups, tools, folder) as running:
        yield running


def _scraped(services: Services) -> Settings:
    # As the chart's PodMonitor makes it: these labels, and this name.
    targets = [
        {"targets": [f"127.0.0.1:{one.probe}"], "labels": {"namespace": "jobs", "pod": pod}}
        for component in ("api", "consumer", "refiller")
        for pod, one in _pods(component, getattr(services, f"{component}s"))
    ]
    return {"job_name": "jobhopper", "static_configs": targets}


def _scraped_broker(rabbitmq: Container) -> Settings:
    form = "{{.NetworkSettings.IPAddress}}"
    address = docker("inspect", "--format", form, rabbitmq.name).strip()
    return {
        "job_name": "jobhopper-rabbitmq",
        "metrics_path": "/metrics/detailed",
        "params": {"family": ["queue_metrics"]},
        "static_configs": [
            {"targets": [f"{address}:15692"], "labels": {"namespace": "jobs", "pod": "rabbitmq-0"}}
        ],
    }


def _pods(component: str, running: list[Process]) -> Iterator[tuple[str, Process]]:
    return ((f"{component}-{number}", one) for number, one in enumerate(running))
