"""The nouns: queries, panels, dashboards, alerts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["timeseries", "stat", "table"]
Unit = Literal["short", "ops", "reqps", "s", "percentunit", "bool"]
Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True)
class Query:
    """One expression of a panel; `legend` names its series, with labels as {{label}}."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture. `width` is in 24ths of a row.

    `empty` says why the panel may show nothing while all is well; without it, a panel that shows
    nothing under load is a fault, and a test finds it.
    """

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    width: int = 8
    stacked: bool = False
    # From which value on a stat turns red; below: green. With `low_is_bad` the other way round.
    red_from: float | None = None
    low_is_bad: bool = False
    empty: str = ""


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """One page of Grafana; `name` is its file's and, with a prefix, its uid."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    by_queue: bool = False

    def panels(self) -> Iterator[Panel]:
        """Every panel, in order."""
        for row in self.rows:
            yield from row.panels


@dataclass(frozen=True)
class Case:
    """A world in which an alert fires: what differs from one where all is well.

    `series` maps a series to promtool's notation of its values; None takes it out of the world.
    `labels` are those of the alert that fires, `at` the moment of the question, `interval` the time
    between two values; `says` is the summary, where it names labels or the value.
    """

    series: Mapping[str, str | None]
    labels: Mapping[str, str] = field(default_factory=dict)
    at: str = "30m"
    interval: str = "1m"
    says: str = ""


@dataclass(frozen=True)
class Alert:
    """One alert; its page in the runbook bears its name."""

    name: str
    expr: str
    lasts: str
    severity: Severity
    summary: str
    description: str
    fires: Case
    # Worlds that are close to it, but fine.
    quiet: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Group:
    """Alerts of one subject; a file of rules."""

    name: str
    alerts: tuple[Alert, ...]
