"""Runs every measure and prints the table; with `--stack` on the services and their stores."""

import argparse
import statistics
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import uvloop

from bench import end_to_end, latency, machine, one_call, silencing, stack_claim_cost
from bench.claim_cost import LARGE, SMALL, claim_cost
from bench.connection import Target
from bench.server import embedded, stack
from stack.services import stores_of_environment

RUNS = 3
_ALONE = ("inserts in 500s", "claims in 100s", "ends in 500s", "claims of one")
Start = Callable[[], AbstractContextManager[Target]]


def main() -> None:
    """Prints a row a measure: median, least and most of three runs, and the target."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--stack", action="store_true", help="measure the services")
    parser.add_argument("measures", nargs="*", help=f"of: {', '.join(_MEASURES)}")
    options = parser.parse_args()
    wanted = options.measures or list(_MEASURES)
    if unknown := set(wanted) - set(_MEASURES):
        parser.error(f"unknown measure {', '.join(unknown)}")
    start: Start = partial(stack, stores_of_environment()) if options.stack else embedded
    print(f"{'measure':44} {'median':>9} {'least':>9} {'most':>9}   target")
    for name in wanted:
        _MEASURES[name](start, on_stack=options.stack)


def _row(name: str, values: list[float], target: str) -> None:
    numbers = f"{statistics.median(values):9,.2f} {min(values):9,.2f} {max(values):9,.2f}"
    print(f"{name:44} {numbers}   {target}", flush=True)


def _on_server(
    start: Start, measure: Callable[[Target], Coroutine[Any, Any, Any]], *, on_stack: bool
) -> tuple[list[Any], list[machine.Alone]]:
    """The results, and on the stack what MySQL alone did just before each."""
    results, alone = [], []
    for _ in range(RUNS):
        if on_stack:
            alone.append(machine.mysql_alone(stores_of_environment()))
        with start() as target:
            results.append(uvloop.run(measure(target)))
    return results, alone


def _machine(_start: Start, *, on_stack: bool) -> None:
    _row(
        "Python alone, million turns of a loop/s", [machine.python_alone() for _ in range(RUNS)], ""
    )
    if not on_stack:
        return
    runs = [machine.mysql_alone(stores_of_environment()) for _ in range(RUNS)]
    for i, name in enumerate(_ALONE):
        values = [run[i] for run in runs]
        _row(f"MySQL alone, {name}/s", values, f"{machine.REFERENCE[i]:,} set the targets")
    _row("MySQL alone, jobs/s", [run.jobs for run in runs], f"{machine.REFERENCE.jobs:,.0f}")


def _end_to_end(start: Start, *, on_stack: bool) -> None:
    rates, alone = _on_server(start, end_to_end.end_to_end, on_stack=on_stack)
    _row("end to end, jobs/s", rates, ">= 4,000" if on_stack else ">= 3,000")
    _shares(rates, [one.jobs for one in alone])


def _create_many(start: Start, *, on_stack: bool) -> None:
    rates, alone = _on_server(start, end_to_end.create, on_stack=on_stack)
    _row("create in 100s, jobs/s", rates, ">= 12,000" if on_stack else "")
    _shares(rates, [one.inserts for one in alone])


def _create(start: Start, *, on_stack: bool) -> None:
    rates, alone = _on_server(start, one_call.create, on_stack=on_stack)
    _row("create, one call a job, jobs/s", rates, ">= 1,200" if on_stack else ">= 1,500")
    _shares(rates, [one.claims_of_one for one in alone])


def _claim(start: Start, *, on_stack: bool) -> None:
    rates, alone = _on_server(start, one_call.claim_and_update, on_stack=on_stack)
    _row("claim + update, one call each, 16 workers", rates, ">= 500 jobs/s")
    _shares(rates, [one.claims_of_one for one in alone])


def _shares(rates: list[float], alone: list[float]) -> None:
    if alone:
        shares = [rate / of for rate, of in zip(rates, alone, strict=True)]
        _row("  of what MySQL alone did just before", shares, "")


def _latency(start: Start, *, on_stack: bool) -> None:
    targets = ("<= 10 ms", "<= 40 ms") if on_stack else ("<= 8 ms", "<= 30 ms")
    runs, alone = _on_server(start, latency.latency, on_stack=on_stack)
    for share, target in zip((0.5, 0.99), targets, strict=True):
        values = [times[int(len(times) * share)] for times in runs]
        _row(f"create to worker at 100 jobs/s, p{share * 100:.0f}, ms", values, target)
        if alone:
            claims = [ms * of.claims_of_one / 1000 for ms, of in zip(values, alone, strict=True)]
            _row("  in claims of one by MySQL alone", claims, "")


def _claim_cost(_start: Start, *, on_stack: bool) -> None:
    if on_stack:
        _stack_claim_cost()
        return
    runs = [claim_cost() for _ in range(RUNS)]
    _row(f"claim of 50 with {SMALL:,} jobs, ms", [small for small, _ in runs], "")
    _row(f"claim of 50 with {LARGE:,} jobs, ms", [large for _, large in runs], "")
    _row("ratio", [large / small for small, large in runs], "<= 1.15")


def _stack_claim_cost() -> None:
    costs = stack_claim_cost.claim_costs(stores_of_environment(), RUNS)
    few, many = stack_claim_cost.SMALL, stack_claim_cost.LARGE
    _row(f"claim of 50 with {few:,} jobs, ms", [one.small for one in costs], "")
    _row(f"claim of 50 with {many:,} jobs, ms", [one.large for one in costs], "")
    _row("ratio", [one.large / one.small for one in costs], "<= 1.15")
    _row("with 200,000 drained and a snapshot open, ms", [one.drained for one in costs], "")
    _row("ratio", [one.drained / one.small for one in costs], "<= 1.3")


def _silencing(_start: Start, *, on_stack: bool) -> None:
    if not on_stack:
        return
    runs = [silencing.silencing(stores_of_environment()) for _ in range(RUNS)]
    _row(f"silencing {silencing.STALE:,} jobs, s", [one.seconds for one in runs], "<= 20 s")
    _row("claims' p99 without it, ms", [one.alone for one in runs], "")
    _row("claims' p99 meanwhile, ms", [one.meanwhile for one in runs], "")
    _row("ratio", [one.meanwhile / one.alone for one in runs], "<= 2")


_MEASURES: dict[str, Callable[..., None]] = {
    "machine": _machine,
    "end-to-end": _end_to_end,
    "create-many": _create_many,
    "create": _create,
    "claim": _claim,
    "latency": _latency,
    "claim-cost": _claim_cost,
    "silencing": _silencing,
}

if __name__ == "__main__":
    main()
