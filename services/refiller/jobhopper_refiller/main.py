"""`jobhopper-refiller`: runs the refiller until it is told to stop."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry

from jobhopper_core.broker.connect import parameters
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.flows.loop import Loop
from jobhopper_core.flows.start import Waiting, await_database, exit_code, require, stop_on_signals
from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink, client
from jobhopper_core.hopper.names import Names
from jobhopper_core.settings import address, read_settings
from jobhopper_core.store import counts
from jobhopper_core.store.database import Database, open_mysql
from jobhopper_core.telemetry.logs import set_up_logs
from jobhopper_core.telemetry.probes import Pulse, serve_probes
from jobhopper_refiller import timers as times
from jobhopper_refiller.audit import AUDIT_SECONDS, Audit
from jobhopper_refiller.cover import COVER_SECONDS, Cover
from jobhopper_refiller.gauges import GAUGE_SECONDS, Gauges
from jobhopper_refiller.hoppers import Hoppers
from jobhopper_refiller.mirror import MIRROR_SECONDS, Mirror
from jobhopper_refiller.settings import RefillerSettings
from jobhopper_refiller.telemetry import RefillerMetrics
from jobhopper_refiller.ticks import MISSED_SECONDS, TICK_SECONDS, Ticks
from jobhopper_refiller.timers import Timers

_log = logging.getLogger(__name__)

_THREADS = 8
# Beyond the slots of the consumers (one a shard) and of the API's processes.
_SLOT_BEYOND = 16


def main() -> None:
    """Runs the process and exits."""
    sys.exit(exit_code("jobhopper-refiller", _run))


def _run() -> None:
    settings = read_settings(RefillerSettings, os.environ)
    set_up_logs(settings.log_level)
    require(settings, "mysql_url")
    if settings.rabbitmq_url:
        parameters(settings.rabbitmq_url)
    if settings.redis_url:
        client(settings.redis_url)
    listen = address(settings.metrics_listen, "METRICS_LISTEN")
    database = open_mysql(settings.mysql_url, counts.FREE_SLOTS + _SLOT_BEYOND, _THREADS)
    registry, pulse, waiting = CollectorRegistry(), Pulse(), Waiting()
    stopping = stop_on_signals()
    serve_probes(listen, registry, pulse, waiting.reasons)
    try:
        if await_database(database, settings.shards, waiting, stopping, pulse):
            _refill(settings, database, registry, pulse, stopping)
    finally:
        database.close()


def _refill(
    settings: RefillerSettings,
    database: Database,
    registry: CollectorRegistry,
    pulse: Pulse,
    stopping: threading.Event,
) -> None:
    names, metrics = Names(), RefillerMetrics(registry)
    link = HopperLink(settings.redis_url, HopperCommands(names)) if settings.redis_url else None
    flow = ApplyAndOffer(database, link, names, settings.shards)
    timers = Timers(database, flow, settings.shards, metrics)
    loop = partial(Loop, pulse=pulse)
    loops = [
        loop("promote", timers.promote, times.PROMOTE_SECONDS),
        loop("sweep", timers.sweep, times.SWEEP_SECONDS),
        loop("partitions", timers.make_partitions, times.PARTITION_SECONDS),
        loop("gauges", Gauges(database, metrics).turn, GAUGE_SECONDS),
    ]
    if link is not None:
        hoppers = Hoppers(database, settings.redis_url, link, names)
        audit = Audit(database, flow, link, names, settings.shards, metrics)
        mirror = Mirror(database, link, names, settings.shards)
        loops += [
            loop("hoppers", hoppers.turn, 0.0),
            loop("mirror", mirror.turn, MIRROR_SECONDS),
            loop("audit", audit.turn, AUDIT_SECONDS),
            loop("cover", Cover(link, names, metrics, hoppers.known).turn, COVER_SECONDS),
        ]
    ticks = (
        Ticks(database, settings.rabbitmq_url, settings.shards, metrics, flow.in_outage)
        if settings.rabbitmq_url
        else None
    )
    loops += _expiry(loop, timers, ticks)
    for one in loops:
        one.start()
    _log.info("started")
    stopping.wait()
    _log.info("stopping")
    for one in loops:
        one.stop()
    if ticks is not None:
        ticks.close()
    _log.info("stopped")


def _expiry(loop: Callable[..., Loop], timers: Timers, ticks: Ticks | None) -> list[Loop]:
    """The loops by which leases end: ticks for the consumers, or the refiller's own."""
    if ticks is None:
        return [loop("expire", timers.expire, times.EXPIRE_SECONDS)]
    watch = partial(timers.expire_without_ticks, lambda: ticks.sent)
    return [
        loop("ticks", ticks.turn, TICK_SECONDS, missed=MISSED_SECONDS),
        loop("expire-without-ticks", watch, times.SWEEP_SECONDS / 2),
    ]
