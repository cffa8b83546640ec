"""The alerts' cases as unit tests of promtool: each fires in its world, none where all is well."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from monitoring import rules
from monitoring.model import Alert, Case, Group
from monitoring.well import world

_WELL = Case({}, at="100m")


class Files(NamedTuple):
    """Texts by file name: tests, and the rules that they need beside the shipped ones."""

    tests: dict[str, str]
    rules: dict[str, str]


def files(groups: tuple[Group, ...], rule_files: Iterable[str]) -> Files:
    """The tests of all groups; `rule_files` are those of the rules as they are shipped.

    The cases of an alert read a file with its rule alone: to evaluate all for each of them would
    take twenty times as long. A file of tests for each interval: to look at a month once a minute
    would take minutes.
    """
    alerts = [alert for group in groups for alert in group.alerts]
    found = Files({"well.yaml": _text("1m", [_well(alerts)], list(rule_files))}, {})
    for alert in alerts:
        alone = f"{alert.name}-alone.yaml"
        found.rules[alone] = rules.text(alert.name, [alert])
        by_interval: dict[str, list[dict[str, Any]]] = {}
        for test in _tests(alert):
            by_interval.setdefault(test["interval"], []).append(test)
        for interval, tests in by_interval.items():
            found.tests[f"{alert.name}-{interval}.yaml"] = _text(interval, tests, [alone])
    return found


def _text(interval: str, tests: list[dict[str, Any]], rule_files: list[str]) -> str:
    content = {"rule_files": rule_files, "evaluation_interval": interval, "tests": tests}
    return yaml.safe_dump(content, sort_keys=False, width=1000)


def _well(alerts: list[Alert]) -> dict[str, Any]:
    return _test("all is well", _WELL, [_silent(alert, _WELL) for alert in alerts])


def _tests(alert: Alert) -> Iterator[dict[str, Any]]:
    yield _test(f"{alert.name} fires", alert.fires, [_firing(alert)])
    for number, case in enumerate(alert.quiet):
        yield _test(f"{alert.name} is quiet {number}", case, [_silent(alert, case)])


def _test(name: str, case: Case, asked: list[dict[str, Any]]) -> dict[str, Any]:
    # What stands in neither is out of this world.
    merged: Mapping[str, str | None] = {**world(), **case.series}
    return {
        "name": name,
        "interval": case.interval,
        "input_series": [
            {"series": series, "values": values}
            for series, values in merged.items()
            if values is not None
        ],
        "alert_rule_test": asked,
    }


def _firing(alert: Alert) -> dict[str, Any]:
    annotations = dict(rules.rule(alert)["annotations"])
    annotations["summary"] = alert.fires.says or alert.summary
    labels = {"severity": alert.severity, **alert.fires.labels}
    expected = {"exp_labels": labels, "exp_annotations": annotations}
    return {"alertname": alert.name, "eval_time": alert.fires.at, "exp_alerts": [expected]}


def _silent(alert: Alert, case: Case) -> dict[str, Any]:
    return {"alertname": alert.name, "eval_time": case.at, "exp_alerts": []}
