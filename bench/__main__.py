"""Runs every measure and prints the table."""

import statistics
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from bench.claim_cost import LARGE, SMALL, claim_cost
from bench.end_to_end import end_to_end
from bench.latency import latency
from bench.one_call import claim_and_update, create
from bench.server import embedded

RUNS = 3


def main() -> None:
    """Prints a row a measure: median, least and most of three runs, and the target."""
    wanted = set(sys.argv[1:]) or set(_MEASURES)
    unknown = wanted - set(_MEASURES)
    if unknown:
        sys.exit(f"bench: unknown measure {', '.join(unknown)}; known: {', '.join(_MEASURES)}")
    print(f"{'measure':44} {'median':>9} {'least':>9} {'most':>9}   target")
    for name, measure in _MEASURES.items():
        if name in wanted:
            measure()


def _row(name: str, values: list[float], target: str) -> None:
    median = statistics.median(values)
    print(
        f"{name:44} {median:9,.2f} {min(values):9,.2f} {max(values):9,.2f}   {target}", flush=True
    )


def _on_server(measure: Callable[[int], Coroutine[Any, Any, Any]]) -> list[Any]:
    results = []
    for _ in range(RUNS):
        with embedded() as port:
            results.append(uvloop.run(measure(port)))
    return results


def _end_to_end() -> None:
    _row("end to end, jobs/s", _on_server(end_to_end), ">= 3,000")


def _create() -> None:
    _row("create, one call a job, jobs/s", _on_server(create), ">= 1,500")


def _claim() -> None:
    name = "claim + update, one call each, 16 workers"
    _row(name, _on_server(claim_and_update), ">= 500 jobs/s")


def _latency() -> None:
    runs = _on_server(latency)
    for share, target in ((0.5, "<= 8 ms"), (0.99, "<= 30 ms")):
        values = [times[int(len(times) * share)] for times in runs]
        _row(f"create to worker at 100 jobs/s, p{share * 100:.0f}", values, target)


def _claim_cost() -> None:
    runs = [claim_cost() for _ in range(RUNS)]
    _row(f"claim of 50 with {SMALL:,} jobs, ms", [small for small, _ in runs], "")
    _row(f"claim of 50 with {LARGE:,} jobs, ms", [large for _, large in runs], "")
    _row("ratio", [large / small for small, large in runs], "<= 1.15")


_MEASURES: dict[str, Callable[[], None]] = {
    "end-to-end": _end_to_end,
    "create": _create,
    "claim": _claim,
    "latency": _latency,
    "claim-cost": _claim_cost,
}

if __name__ == "__main__":
    main()
