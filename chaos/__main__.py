"""`make chaos`: faults under load on stores and services of its own, and whether promises held."""

import argparse
import random
import sys
import time
from pathlib import Path

from chaos.board import Pace
from chaos.check import check
from chaos.plot import draw
from chaos.report import report
from chaos.run import Plan, run
from chaos.schedule import schedule
from stack.firewall import why_not


def main() -> int:
    """Runs, prints the report, and returns 1 when a promise was broken, 2 when it can't run."""
    options = _options()
    seconds = 60.0 * options.minutes
    faults = schedule(options.seed, seconds)
    _say(
        f"Seed {options.seed} (the same again: --minutes {options.minutes:g} --seed {options.seed})"
    )
    for fault in faults:
        _say(str(fault))
    plan = Plan(options.seed, seconds, faults, Pace(jobs=options.rate), logs=options.logs)
    if plan.hurts_network and (reason := why_not()):
        _say(f"The schedule has faults of the network (three minutes have none): {reason}")
        return 2
    began = time.monotonic()
    evidence = run(plan, lambda text: _say(f"[{time.monotonic() - began:6.1f} s] {text}"))
    findings = check(evidence)
    text = report(plan, evidence, findings)
    _say(text)
    if options.report:
        options.report.write_text(text)
    if options.plot:
        draw(plan, evidence, options.plot)
    return 1 if findings else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long, default 3")
    parser.add_argument("--seed", type=int, help="for schedule and load; by chance where not given")
    parser.add_argument("--rate", type=float, default=Pace().jobs, help="jobs a second, default 25")
    parser.add_argument("--plot", type=Path, help="a PNG of the run")
    parser.add_argument("--report", type=Path, help="the report, as a file too")
    parser.add_argument("--logs", type=Path, help="a folder for the logs of all processes")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
