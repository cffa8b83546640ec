"""Groups of alerts as rule files of Prometheus."""

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
    return {
        f"{group.name}.yaml": _text(group.name, list(map(rule, group.alerts))) for group in groups
    }


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


def _text(name: str, rules: list[dict[str, Any]]) -> str:
    content = {"groups": [{"name": f"jobhopper.{name}", "rules": rules}]}
    return HEAD + yaml.safe_dump(content, sort_keys=False, width=100)
