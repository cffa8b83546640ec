"""The alerts' cases as unit tests of promtool: each fires in its world, none where all is well."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from monitoring import rules
from monitoring.model import Alert, Case, Group
from monitoring.well import world

_WELL = Case({}, at="100m")


def files(groups: tuple[Group, ...], rule_files: Iterable[str]) -> dict[str, str]:
    """Files of tests by name, for all groups; `rule_files` are the files that they test.

    One for each interval: to look at a month once a minute would take minutes.
    """
    alerts = [alert for group in groups for alert in group.alerts]
    by_interval: dict[str, list[dict[str, Any]]] = {"1m": [_well(alerts)]}
    for test in (test for alert in alerts for test in _tests(alert)):
        by_interval.setdefault(test["interval"], []).append(test)
    return {
        f"{interval}.yaml": _text(interval, tests, list(rule_files))
        for interval, tests in by_interval.items()
    }


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
