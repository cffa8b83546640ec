"""Dashboards, rules and runbook: fresh, whole, and about metrics that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from jobhopper_api.telemetry import ApiMetrics
from jobhopper_consumer.telemetry import ConsumerMetrics
from jobhopper_core.telemetry.process import ProcessCollector
from jobhopper_pruner.telemetry import PrunerMetrics
from jobhopper_refiller.telemetry import RefillerMetrics
from monitoring import alerts, dashboards, files, grafana, promtool, rules
from monitoring.model import Dashboard

REPOSITORY = Path(__file__).resolve().parents[2]
ALERTS = [alert for group in alerts.ALL for alert in group.alerts]


def test_the_files_of_the_chart_are_fresh() -> None:
    assert files.stale() == []


def test_each_alert_has_a_page_in_the_runbook_and_each_page_an_alert() -> None:
    runbook = (REPOSITORY / rules.RUNBOOK).read_text()
    pages = re.findall(r"^### (Jobhopper\w+)$", runbook, re.MULTILINE)
    assert pages == [alert.name for alert in ALERTS]
    for page in runbook.split("\n### ")[1:]:
        assert all(f"**{part}**" in page for part in ("Means.", "Look.", "Do.")), page[:40]


def test_each_metric_that_is_asked_for_is_exported() -> None:
    registry = CollectorRegistry()
    ApiMetrics(registry, "1")
    known = exported(registry)
    for metrics in (ConsumerMetrics, RefillerMetrics, PrunerMetrics):
        registry = CollectorRegistry()
        metrics(registry)
        known |= exported(registry)
    registry.register(ProcessCollector(dict, dict))
    known |= exported(registry)
    asked = {
        name
        for expression in expressions()
        for name in re.findall(r"\bjobhopper_\w+(?=[{\[) ])", expression)
    }
    assert len(asked) > 20
    assert {re.sub("_(bucket|count)$", "", name) for name in asked} <= known
    # And the other way round: what nobody looks at need not be exported.
    told = (REPOSITORY / "docs" / "metrics.md").read_text()
    assert {name for name in known if f"`{name}" not in told} == set()


def exported(registry: CollectorRegistry) -> set[str]:
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in registry.collect()
    }


def expressions() -> list[str]:
    panels = [panel for one in dashboards.ALL for panel in one.panels()]
    asked = [query.expr for panel in panels for query in panel.queries]
    return asked + [alert.expr for alert in ALERTS]


@pytest.mark.parametrize("dashboard", dashboards.ALL, ids=lambda one: one.name)
def test_panels_lie_beside_each_other(dashboard: Dashboard) -> None:
    content = json.loads(grafana.text(dashboard))
    places = [panel["gridPos"] for panel in content["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in content["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_each_alert_fires_in_its_world_and_none_where_all_is_well(
    tools: str, tmp_path: Path
) -> None:
    shipped = rules.files(alerts.ALL)
    made = promtool.files(alerts.ALL, shipped)
    tests = {f"test-{name}": text for name, text in made.tests.items()}
    for name, text in {**shipped, **made.rules, **tests}.items():
        (tmp_path / name).write_text(text)
    run(tools, tmp_path, "check", "rules", *shipped)
    run(tools, tmp_path, "test", "rules", *tests)


def run(path: str, folder: Path, *words: str) -> None:
    done = subprocess.run(
        ["promtool", *words],
        cwd=folder,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
