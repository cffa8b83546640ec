"""Groups of alerts as rule files of Prometheus."""

from collections.abc import Iterable
from typing import Any

import yaml

from monitoring.model import Alert, Group

RUNBOOK = "docs/runbook.md"
HEAD = "# Made by `python -m monitoring write`; change monitoring/ instead.\n"


def anchor(alert: Alert) -> str:
    """Where the alert's page is."""
    return f"{RUNBOOK}#{alert.name.lower()}"


def files(groups: tuple[Group, ...]) -> dict[str, str]:
    """The rule files by name."""
    return {f"{group.name}.yaml": text(group.name, group.alerts) for group in groups}


def text(name: str, alerts: Iterable[Alert]) -> str:
    """A rule file with one group of alerts."""
    rules = [rule(alert) for alert in alerts]
    content = {"groups": [{"name": f"jobhopper.{name}", "rules": rules}]}
    return HEAD + yaml.safe_dump(content, sort_keys=False, width=100)


def rule(alert: Alert) -> dict[str, Any]:
    """The alert as a rule."""
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasts,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": anchor(alert),
        },
    }
