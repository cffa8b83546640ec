"""Dashboards as the JSON that Grafana reads (schema version 39, Grafana 10 and later).

Plain data: the few fields that are used are few, and Grafana fills in the rest.
"""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from monitoring.model import Dashboard, Panel, Row

_WIDTH = 24
_HEIGHTS = {"stat": 4, "timeseries": 8, "table": 9}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_SCHEMA = 39


def text(dashboard: Dashboard) -> str:
    """The dashboard's file."""
    return json.dumps(_dashboard(dashboard), indent=1, ensure_ascii=False) + "\n"


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": f"jobhopper-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["jobhopper"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "links": [_link()],
        "templating": {"list": list(_variables(by_queue=dashboard.by_queue))},
        "panels": list(_panels(dashboard)),
    }


def _link() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "Jobhopper",
        "tags": ["jobhopper"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
    }


def _variables(*, by_queue: bool) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    yield _values("namespace", "Namespace", "jobhopper_build_info")
    if by_queue:
        yield _values("queue", "Queue", 'jobhopper_queue_jobs{namespace=~"$namespace"}')


def _values(name: str, label: str, metric: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": f"label_values({metric}, {name})", "refId": "values"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # Not the list of all: a Prometheus outside of Kubernetes has no namespaces.
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    ids, y = count(1), 0
    for row in dashboard.rows:
        place = {"h": 1, "w": _WIDTH, "x": 0, "y": y}
        yield {
            "id": next(ids),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        y += 1
        for panel, position in _placed(row, y):
            yield _panel(panel, next(ids), position)
            y = max(y, position["y"])
        y += max(_HEIGHTS[panel.kind] for panel in row.panels)


def _placed(row: Row, top: int) -> Iterator[tuple[Panel, dict[str, int]]]:
    """Panels beside each other, and on a new line when one is full."""
    x, y = 0, top
    for panel in row.panels:
        height = _HEIGHTS[panel.kind]
        if x + panel.width > _WIDTH:
            x, y = 0, y + height
        yield panel, {"h": height, "w": panel.width, "x": x, "y": y}
        x += panel.width


def _panel(panel: Panel, number: int, position: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": position,
        "targets": [_target(panel, index) for index in range(len(panel.queries))],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        **({"transformations": _table_of(panel)} if panel.kind == "table" else {}),
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
        "orientation": "auto",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}


def _target(panel: Panel, index: int) -> dict[str, Any]:
    query, is_table = panel.queries[index], panel.kind == "table"
    return {
        "refId": chr(ord("A") + index),
        "datasource": _SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or panel.title,
        "instant": is_table,
        "range": not is_table,
        "format": "table" if is_table else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.unit == "bool":
        defaults |= {"unit": "short", "max": 1, "mappings": [_YES_NO]}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
        }
    if panel.red_from is not None:
        defaults["color"] = {"mode": "thresholds"}
        defaults["thresholds"] = _thresholds(panel)
    return defaults


_YES_NO = {"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "yes"}}}


def _thresholds(panel: Panel) -> dict[str, Any]:
    below, above = ("red", "green") if panel.low_is_bad else ("green", "red")
    steps = [{"color": below, "value": None}, {"color": above, "value": panel.red_from}]
    return {"mode": "absolute", "steps": steps}


def _table_of(panel: Panel) -> list[dict[str, Any]]:
    """One row a queue, one column a query."""
    names = {
        f"Value #{chr(ord('A') + index)}": query.legend for index, query in enumerate(panel.queries)
    }
    hidden = {"excludeByName": {"Time": True}, "renameByName": names}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": hidden}]
