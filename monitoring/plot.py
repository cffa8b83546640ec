"""Draws dashboards from a Prometheus server, so that one can look at them without a Grafana."""

import json
import math
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monitoring import dashboards
from monitoring.model import Dashboard, Panel, Query

# What Grafana puts in; a rate needs four samples or so.
_FILLED = {"$namespace": ".*", "$queue": ".*"}
_POINTS = 150
_COLUMNS = 3
_TIMEOUT = 30
_LEGEND_MAX = 9


class Line(NamedTuple):
    """One series of a panel: its labels, and its points as (seconds since 1970, value)."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class Prometheus:
    """Asks a server."""

    def __init__(self, url: str, window: str = "1m") -> None:
        self._url = url.rstrip("/")
        self._window = window

    def filled(self, expr: str) -> str:
        """The expression with Grafana's variables filled in."""
        for name, value in {**_FILLED, "$__rate_interval": self._window}.items():
            expr = expr.replace(name, value)
        return expr

    def now(self, expr: str) -> list[Line]:
        """What the expression says now. Raises OSError, also for what does not parse."""
        found = self._ask("query", query=self.filled(expr))
        return [Line(one["metric"], [_point(one["value"])]) for one in found]

    def during(self, expr: str, seconds: float) -> list[Line]:
        """What it said during the last `seconds`."""
        end = time.time()
        step = max(1.0, seconds / _POINTS)
        found = self._ask(
            "query_range", query=self.filled(expr), start=end - seconds, end=end, step=step
        )
        return [Line(one["metric"], list(map(_point, one["values"]))) for one in found]

    def _ask(self, what: str, **query: object) -> list[dict[str, Any]]:
        url = f"{self._url}/api/v1/{what}?{urlencode(query)}"
        with urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 # whoever calls names the server
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


def _point(pair: tuple[float, str]) -> tuple[float, float]:
    return pair[0], float(pair[1])


def draw_all(url: str, folder: Path, seconds: float, window: str = "1m") -> list[Path]:
    """A PNG for each dashboard; returns where they are."""
    mpl.use("Agg")
    prometheus = Prometheus(url, window)
    return [_draw(prometheus, one, folder, seconds) for one in dashboards.ALL]


def _draw(prometheus: Prometheus, dashboard: Dashboard, folder: Path, seconds: float) -> Path:
    panels = list(dashboard.panels())
    rows = math.ceil(len(panels) / _COLUMNS)
    figure = Figure(figsize=(5 * _COLUMNS, 2.7 * rows), layout="constrained")
    figure.suptitle(dashboard.title)
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
    for panel, ax in zip(panels, axes, strict=False):
        _draw_panel(prometheus, panel, ax, seconds)
    for ax in axes[len(panels) :]:
        ax.remove()
    path = folder / f"{dashboard.name}.png"
    figure.savefig(path, dpi=65)
    return path


def _draw_panel(prometheus: Prometheus, panel: Panel, ax: Axes, seconds: float) -> None:
    unit = "" if panel.unit in {"short", "bool"} else f" ({panel.unit})"
    ax.set_title(panel.title + unit, fontsize=9)
    ax.tick_params(labelsize=7)
    lines = [
        (_name(panel, query, line), line)
        for query in panel.queries
        for line in prometheus.during(query.expr, seconds)
    ]
    if not lines:
        ax.text(0.5, 0.5, "no data", ha="center", transform=ax.transAxes)
        return
    _plot(panel, ax, lines)
    # A line along the bottom would hide in the axis.
    top = max(ax.get_ylim()[1], 1.0 if panel.unit in {"short", "bool"} else 0.0)
    ax.set_ylim(-0.03 * top, top)
    if any(name for name, _ in lines):
        ax.legend(fontsize=6, loc="best", ncols=2)


def _plot(panel: Panel, ax: Axes, lines: list[tuple[str, Line]]) -> None:
    end = max(line.points[-1][0] for _, line in lines)
    if panel.stacked:
        _stack(ax, lines, end)
        return
    for number, (name, line) in enumerate(lines):
        label = name if number < _LEGEND_MAX else f"_{name}"
        ax.plot([at - end for at, _ in line.points], [v for _, v in line.points], label=label)


def _stack(ax: Axes, lines: list[tuple[str, Line]], end: float) -> None:
    times = sorted({at for _, line in lines for at, _ in line.points})
    values = [[dict(line.points).get(at, 0.0) for at in times] for _, line in lines]
    names = [name for name, _ in lines]
    ax.stackplot([at - end for at in times], values, labels=names, alpha=0.7)


def _name(panel: Panel, query: Query, line: Line) -> str:
    # A table's columns are queries, its rows queues.
    name = f"{query.legend} {{{{queue}}}}" if panel.kind == "table" else query.legend
    for label, value in line.labels.items():
        name = name.replace("{{" + label + "}}", value)
    return name
