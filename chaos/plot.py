"""Draws a run: what went through, how long it took, and when what was done to which part."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from chaos import series
from chaos.evidence import Evidence
from chaos.fault import SERVICES, STORES
from chaos.rules.answers import SOON_SECONDS
from chaos.run import Plan
from chaos.schedule import REPLICAS

_COLOURS = {
    "kill": "#c0392b",
    "freeze": "#2980b9",
    "restart": "#8e44ad",
    "flush": "#d68910",
    "fill": "#148f77",
    "read-only": "#7f8c8d",
    "black-hole": "#17202a",
    "refuse": "#a04000",
    "slow": "#5b6e1f",
}
_TARGETS = (*STORES, *(f"{service}.{n}" for service in SERVICES for n in range(REPLICAS)))
# A letter's width as a share of the run: what is too narrow goes without its name.
_LETTER = 0.0045
# Beside the title, where no line runs.
_LEGEND: dict[str, Any] = {
    "fontsize": 8,
    "loc": "lower right",
    "bbox_to_anchor": (1, 0.99),
    "frameon": False,
    "borderaxespad": 0.2,
}


def draw(plan: Plan, evidence: Evidence, path: Path) -> None:
    """A PNG of four panels over the same seconds."""
    mpl.use("Agg")
    figure = Figure(figsize=(13, 10), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 1.6, 3.4))
    figure.suptitle(
        f"{plan.seconds / 60:g} minutes of chaos, seed {plan.seed}: "
        f"{len(evidence.faults)} faults, {len(evidence.calls):,} calls"
    )
    throughput, latency, refusals, faults = axes
    _draw_throughput(throughput, evidence)
    _draw_latency(latency, evidence)
    _draw_refusals(refusals, evidence)
    _draw_faults(faults, evidence)
    for ax in (throughput, latency, refusals):
        _shade(ax, evidence)
    end = max([plan.seconds, *(one.healed for one in evidence.faults)])
    faults.set_xlim(0, end + series.STEP)
    faults.set_xlabel("seconds from the start of the load")
    figure.savefig(path, dpi=80)


def _draw_throughput(ax: Axes, evidence: Evidence) -> None:
    ax.set_title("Jobs a second", loc="left", fontsize=10)
    lines = {
        "accepted": (series.accepted(evidence), "#1f618d"),
        "claimed": (series.claimed(evidence), "#ca6f1e"),
        "finished": (series.finished(evidence), "#1e8449"),
    }
    for name, (points, colour) in lines.items():
        ax.plot(list(points), list(points.values()), label=name, color=colour, linewidth=1.5)
    # Above the lines is room for the names of faults.
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])
    _finish(ax, ncols=3)


def _draw_latency(ax: Axes, evidence: Evidence) -> None:
    ax.set_title(
        "Milliseconds to the answer, of calls that ask for no wait, at APIs not hurt themselves",
        loc="left",
        fontsize=10,
    )
    found = series.latencies(evidence)
    times = [one.at for one in found]
    ax.plot(times, [one.p99 * 1000 for one in found], label="p99", color="#884ea0")
    ax.plot(times, [one.p50 * 1000 for one in found], label="p50", color="#16a085")
    deadline = SOON_SECONDS * 1000
    ax.axhline(deadline, color="black", linewidth=0.8, linestyle="--", label="no request over 3 s")
    ax.set_yscale("log")
    ax.set_ylim(1, 2 * deadline)
    _finish(ax, ncols=3)


def _draw_refusals(ax: Axes, evidence: Evidence) -> None:
    ax.set_title("Calls a second that were not served", loc="left", fontsize=10)
    refused, unanswered = series.refused(evidence), series.unanswered(evidence)
    times = list(refused)
    low = list(refused.values())
    style: dict[str, Any] = {"width": series.STEP * 0.9}
    ax.bar(times, low, label="503", color="#cd6155", **style)
    high = list(unanswered.values())
    ax.bar(times, high, bottom=low, label="no answer", color="#5d6d7e", **style)
    _finish(ax, ncols=2)


def _draw_faults(ax: Axes, evidence: Evidence) -> None:
    ax.set_title("Faults; pale: over, and its target not yet back", loc="left", fontsize=10)
    span = _span(evidence)
    for one in evidence.faults:
        row = _TARGETS.index(one.fault.target)
        colour = _COLOURS[one.fault.verb]
        length = one.healed - one.began
        hurt = min(one.fault.seconds, length)
        ax.barh(row, length, left=one.began, height=0.7, color=colour, alpha=0.35)
        ax.barh(row, hurt, left=one.began, height=0.7, color=colour)
        if hurt > _LETTER * len(one.fault.verb) * span:
            middle = one.began + hurt / 2
            words: dict[str, Any] = {"ha": "center", "va": "center", "color": "white"}
            ax.text(middle, row, one.fault.verb, fontsize=7, **words)
    ax.set_yticks(range(len(_TARGETS)), _TARGETS, fontsize=8)
    ax.set_ylim(len(_TARGETS) - 0.4, -0.6)
    ax.axhline(len(STORES) - 0.5, color="black", linewidth=0.6)
    ax.grid(axis="x", alpha=0.25)
    handles: list[Line2D | Patch] = [
        Patch(color=colour, label=verb) for verb, colour in _COLOURS.items()
    ]
    ax.legend(handles=handles, ncols=len(handles), **_LEGEND)


def _shade(ax: Axes, evidence: Evidence) -> None:
    """While something is done to a store, in the colour of that."""
    span = _span(evidence)
    for one in evidence.faults:
        if one.fault.on_store:
            colour = _COLOURS[one.fault.verb]
            ax.axvspan(one.began, one.healed, color=colour, alpha=0.12, linewidth=0)
            wide = _LETTER * max(len(one.fault.verb), len(one.fault.target)) * span
            if ax.get_subplotspec().is_first_row() and one.healed - one.began > wide:  # type: ignore[union-attr]
                words = f" {one.fault.verb}\n {one.fault.target}"
                style: dict[str, Any] = {"va": "top", "fontsize": 6, "color": colour}
                ax.text(one.began, 0.98 * ax.get_ylim()[1], words, **style)


def _span(evidence: Evidence) -> float:
    return max((one.healed for one in evidence.faults), default=1.0)


def _finish(ax: Axes, ncols: int) -> None:
    ax.grid(alpha=0.25)
    ax.tick_params(labelsize=8)
    ax.legend(ncols=ncols, **_LEGEND)
