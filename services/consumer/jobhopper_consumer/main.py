"""`jobhopper-consumer`: runs the consumer until it is told to stop."""

import logging
import os
import sys
import threading

from prometheus_client import CollectorRegistry

from jobhopper_consumer.amqp import Amqp, Port
from jobhopper_consumer.inbox import Inbox
from jobhopper_consumer.settings import ConsumerSettings, ordinal
from jobhopper_consumer.telemetry import ConsumerMetrics
from jobhopper_consumer.worker import Worker
from jobhopper_core.broker.connect import parameters
from jobhopper_core.broker.ladder import rank
from jobhopper_core.broker.names import Lane
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.flows.start import Waiting, await_database, exit_code, require, stop_on_signals
from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.settings import address, read_settings
from jobhopper_core.store.database import Database, open_mysql
from jobhopper_core.telemetry.logs import set_up_logs
from jobhopper_core.telemetry.probes import Pulse, serve_probes

_log = logging.getLogger(__name__)
_TURN_SECONDS = 1.0
# A lane's worker has one transaction and one read under way at most.
_THREADS = 6


def main() -> None:
    """Runs the process and exits."""
    sys.exit(exit_code("jobhopper-consumer", _run))


def _run() -> None:
    settings = read_settings(ConsumerSettings, os.environ)
    set_up_logs(settings.log_level)
    require(settings, "mysql_url", "rabbitmq_url")
    parameters(settings.rabbitmq_url)
    replica = ordinal(settings.replica)
    listen = address(settings.metrics_listen, "METRICS_LISTEN")
    link = HopperLink(settings.redis_url, HopperCommands(Names())) if settings.redis_url else None
    database = open_mysql(settings.mysql_url, slot=0, threads=_THREADS)
    registry, pulse, waiting = CollectorRegistry(), Pulse(), Waiting()
    stopping = stop_on_signals()
    serve_probes(listen, registry, pulse, waiting.reasons)
    try:
        if await_database(database, settings.shards, waiting, stopping, pulse):
            _consume(settings, replica, database, link, registry, pulse, waiting, stopping)
    finally:
        database.close()
        if link is not None:
            link.close()


def _consume(
    settings: ConsumerSettings,
    replica: int,
    database: Database,
    link: HopperLink | None,
    registry: CollectorRegistry,
    pulse: Pulse,
    waiting: Waiting,
    stopping: threading.Event,
) -> None:
    inboxes = {lane: Inbox(lane) for lane in Lane}
    flow = ApplyAndOffer(database, link, Names(), settings.shards)
    by_lane = {
        lane: [
            Port(inbox, shard, rank(settings.shards, replica, shard))
            for shard in range(settings.shards)
        ]
        for lane, inbox in inboxes.items()
    }
    ports = [port for found in by_lane.values() for port in found]
    amqp = Amqp(settings.rabbitmq_url, ports, settings.shards, pulse)
    metrics = ConsumerMetrics(registry)
    workers = [
        Worker(inboxes[lane], found, amqp, database, flow, metrics, pulse)
        for lane, found in by_lane.items()
    ]
    amqp.start()
    for worker in workers:
        worker.start()
    _log.info("started", extra={"replica": replica})
    while not stopping.wait(_TURN_SECONDS):
        waiting.set("rabbitmq", None if amqp.up else "RabbitMQ can't be reached")
    _log.info("stopping")
    for worker in workers:
        worker.stop()
    amqp.stop()
    _log.info("stopped")
