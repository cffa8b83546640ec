"""A real Prometheus scrapes the release by the objects that the chart made for its operator."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scraping.expected import silent_panels, unseen_metrics
from scraping.load import Load
from scraping.server import Server

from monitoring import dashboards
from monitoring.plot import Prometheus, draw_all

from .cluster import PORT, wait_for
from .commands import ROOT, path_of, run
from .release import NAME, Release
from .scraped import rule_groups, scrapes

# Two of each service, and RabbitMQ.
_TARGETS = 7
# Rates look at a window; with a scrape every two seconds it is full after so long.
_INTERVAL, _WINDOW, _FULL = "2s", "20s", 40.0


@pytest.fixture(scope="module")
def watched(release: Release) -> Release:
    """The release with its PodMonitors, PrometheusRule and dashboards, which the server accepts."""
    names = ("podMonitor", "rules", "dashboards")
    release.install(*(f"metrics.{name}.enabled=true" for name in names))
    release.await_ready()
    return release


@pytest.fixture(scope="module")
def server(watched: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = path_of(run(ROOT / "k8s" / "tools", "prometheus", seconds=900))
    folder = tmp_path_factory.mktemp("prometheus")
    scraped, groups = scrapes(watched.cluster, watched.namespace), rule_groups(watched.namespace)
    with Server(scraped, groups, path, folder, _INTERVAL) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(watched: Release, server: Server) -> Iterator[Prometheus]:
    """Asks the server, once it has seen enough of jobs that run."""
    with Load([int(PORT)] * 2, watched.key):
        wait_for(lambda: server.targets() == ["up"] * _TARGETS, 30, "not all are scraped")
        time.sleep(_FULL)
        yield Prometheus(server.url, _WINDOW)


def test_every_panel_shows_something(prometheus: Prometheus) -> None:
    assert silent_panels(prometheus, 20) == set()


def test_every_panel_can_be_drawn(prometheus: Prometheus, server: Server, tmp_path: Path) -> None:
    """With PANELS=folder the pictures stay, to be looked at."""
    folder = Path(os.environ.get("PANELS", tmp_path))
    drawn = draw_all(server.url, folder, 60, _WINDOW)
    assert [path.stat().st_size > 10_000 for path in drawn] == [True] * len(dashboards.ALL)


def test_every_alert_has_what_it_looks_at_and_none_fires(
    prometheus: Prometheus, server: Server
) -> None:
    assert unseen_metrics(prometheus) == set()
    assert server.broken_rules() == []
    assert server.firing() == {}


def test_an_alert_fires_for_pods_that_are_gone(
    prometheus: Prometheus, server: Server, watched: Release
) -> None:
    name = f"{NAME}-refiller"
    scale = watched.cluster.apps.patch_namespaced_deployment_scale
    scale(name, watched.namespace, {"spec": {"replicas": 0}})
    server.await_firing("JobhopperRefillerMissing", seconds=60)
    scale(name, watched.namespace, {"spec": {"replicas": 2}})
    watched.await_ready()
    wait_for(lambda: "JobhopperRefillerMissing" not in server.firing(), 30, "it fires on")
