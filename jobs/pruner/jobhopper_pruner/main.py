"""`jobhopper-pruner`: `silence` and `unsilence`, run by a CronJob or by hand."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.flows.start import Waiting, exit_code, require, stop_on_signals
from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.model import times
from jobhopper_core.model.states import STATUSES
from jobhopper_core.settings import address, read_settings
from jobhopper_core.store import counts, prune_runs, queues, schema
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.silence import Undo
from jobhopper_core.store.transaction import Transaction
from jobhopper_core.telemetry.logs import set_up_logs
from jobhopper_core.telemetry.probes import Pulse, serve_probes
from jobhopper_pruner.settings import PrunerSettings
from jobhopper_pruner.telemetry import PrunerMetrics
from jobhopper_pruner.walk import Progress as Told
from jobhopper_pruner.walk import StoppedError, Walk

_log = logging.getLogger(__name__)

# Counter rows of its own, beyond those of consumers, APIs and refillers.
_SLOT = 30_000


def main() -> None:
    """Runs the command and exits: 0 done, 2 an error, 3 cut off (the next run goes on)."""
    options = _parse(sys.argv[1:])
    try:
        sys.exit(exit_code("jobhopper-pruner", lambda: _run(options)))
    except StoppedError:
        sys.stderr.write("jobhopper-pruner: stopped; the next run goes on from here.\n")
        sys.exit(3)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jobhopper-pruner", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    silence = commands.add_parser("silence", help="silence what is stale")
    silence.add_argument("--dry-run", action="store_true", help="only count")
    undo = commands.add_parser("unsilence", help="let silenced jobs be heard again")
    undo.add_argument("--queue", help="only of this queue")
    undo.add_argument("--status", choices=list(STATUSES), help="only in this status")
    undo.add_argument("--run", type=int, help="only those of this run (its id)")
    undo.add_argument("--silenced-after", help="only those silenced since this time (RFC 3339)")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> None:
    settings = read_settings(PrunerSettings, os.environ)
    set_up_logs(settings.log_level)
    require(settings, "mysql_url")
    after = _silenced_after(options)
    listen = address(settings.metrics_listen, "METRICS_LISTEN") if settings.metrics_listen else None
    database = open_mysql(settings.mysql_url, _SLOT, threads=1)
    link = HopperLink(settings.redis_url, HopperCommands(Names())) if settings.redis_url else None
    # It applies no writes, so the number of shards does not matter.
    flow = ApplyAndOffer(database, link, Names(), shards=1)
    registry, pulse, waiting = CollectorRegistry(), Pulse(), Waiting()
    metrics = PrunerMetrics(registry)
    walk = Walk(database, flow, stop_on_signals(), pulse, waiting)
    if listen is not None:
        _serve(listen, registry, pulse, waiting)
    try:
        walk.again(schema.check)
        with _progress(walk) as bar:
            _do(options, walk, _both(metrics.set, bar), after)
    finally:
        database.close()


def _serve(
    listen: tuple[str, int], registry: CollectorRegistry, pulse: Pulse, waiting: Waiting
) -> None:
    try:
        serve_probes(listen, registry, pulse, waiting.reasons)
    except ConfigurationError as error:
        # Run by hand it may have the environment of a service, and run beside it.
        _log.warning("probes_not_served", extra={"reason": str(error)})


def _both(first: Told, second: Told) -> Told:
    def told(seen: int, changed: int) -> None:
        first(seen, changed)
        second(seen, changed)

    return told


def _do(options: argparse.Namespace, walk: Walk, told: Told, after: int | None) -> None:
    if options.command == "unsilence":
        heard = walk.unsilence(_undo(options, walk, after), told)
        sys.stdout.write(f"{heard} jobs are heard again.\n")
        return
    run = walk.silence(told, dry_run=options.dry_run)
    done = "would be silenced" if options.dry_run else "silenced"
    sys.stdout.write(
        f"Run {run.id}: {run.seen} jobs seen, {run.silenced} {done}, "
        f"{run.unfinished} of them not finished.\n"
    )
    _log.info(
        "silenced", extra={"seen": run.seen, "jobs": run.silenced, "unfinished": run.unfinished}
    )


def _silenced_after(options: argparse.Namespace) -> int | None:
    text = getattr(options, "silenced_after", None)
    after = None if text is None else times.parse(text)
    if text is not None and after is None:
        raise ConfigurationError("--silenced-after must be a time such as 2026-11-24T06:00:00Z.")
    return after


def _undo(options: argparse.Namespace, walk: Walk, after: int | None) -> Undo:
    if options.run is None:
        return Undo(options.queue, options.status, after)
    run = walk.again(lambda tx: prune_runs.look_up(tx, options.run))
    if run is None:
        raise ConfigurationError(f"There is no run {options.run}.")
    since = run.started_at if after is None else max(after, run.started_at)
    return Undo(options.queue, options.status, since, run.finished_at)


@contextmanager
def _progress(walk: Walk) -> Iterator[Told]:
    """Tells of the progress: a bar on a terminal, nothing elsewhere (the log has the end)."""
    if not sys.stderr.isatty():
        yield lambda _seen, _changed: None
        return
    total = walk.again(_all_jobs)
    columns = (
        TextColumn("jobs seen"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[changed]} changed"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=total, changed=0)
        yield lambda seen, changed: bar.update(task, completed=seen, changed=changed)
        # Jobs too young to be stale were not looked at.
        bar.update(task, total=bar.tasks[task].completed)


def _all_jobs(tx: Transaction) -> int:
    names = [name for name, _ in queues.page(tx, "", 1_000)]
    return sum(n for found in counts.depths(tx, names).values() for n in found.values())
