"""Groups of alerts as rule files of Prometheus."""

from typing import Any

import yaml

from monitoring.model import Alert, Group

RUNBOOK = "docs/runbook.md"
# Named in the design of the HTTP API; the refillers know no rates, Prometheus does.
_COVER = {
    "record": "jobhopper_hopper_cover_seconds",
    "expr": "max by (namespace, queue) (jobhopper_hopper_jobs) / "
    "(sum by (namespace, queue) (rate(jobhopper_jobs_claimed_total[5m])) > 0)",
}
RECORDED = "recorded"
HEAD = "# Made by `python -m monitoring write`; change monitoring/ instead.\n"


def anchor(alert: Alert) -> str:
    """Where the alert's page is."""
    return f"{RUNBOOK}#{alert.name.lower()}"


def files(groups: tuple[Group, ...]) -> dict[str, str]:
    """The rule files by name."""
    made = {
        f"{group.name}.yaml": _text(group.name, list(map(rule, group.alerts))) for group in groups
    }
    return made | {f"{RECORDED}.yaml": _text(RECORDED, [_COVER])}


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
