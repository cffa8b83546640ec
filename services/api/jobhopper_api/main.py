"""`jobhopper-api`: serves the API until it is told to stop."""

import asyncio
import logging
import os
import sys
import threading
import zlib
from functools import partial
from importlib.metadata import version
from socket import gethostname, socket

import uvloop
from prometheus_client import CollectorRegistry

from jobhopper_api.assemble import GateSettings, new_registry, put_together
from jobhopper_api.http.server import bind, serve
from jobhopper_api.services import Facts, Services
from jobhopper_api.settings import ApiSettings
from jobhopper_api.sight import Sight
from jobhopper_api.writes.broker import BrokerPath
from jobhopper_core.broker.connect import parameters
from jobhopper_core.errors import ConfigurationError
from jobhopper_core.flows.start import (
    Waiting,
    await_database,
    exit_code,
    require,
    start_from_mirror,
    stop_on_signals,
)
from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink, client
from jobhopper_core.hopper.names import Names
from jobhopper_core.leases import keys
from jobhopper_core.leases.token import LeaseSigner
from jobhopper_core.model import access
from jobhopper_core.settings import address, read_settings
from jobhopper_core.store import counts
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.telemetry.logs import set_up_logs
from jobhopper_core.telemetry.probes import Pulse, serve_probes

_log = logging.getLogger(__name__)

_THREADS = 12
# Counter rows beyond the consumers': processes share them, but seldom the same one.
_SLOTS = 16
_BEAT_SECONDS = 1.0
# Nobody waits longer for an answer of the API than its deadline.
_ANSWER_SECONDS = 3.0


def main() -> None:
    """Runs the process and exits."""
    sys.exit(exit_code("jobhopper-api", _run))


def _run() -> None:
    settings = read_settings(ApiSettings, os.environ)
    set_up_logs(settings.log_level)
    require(settings, "mysql_url")
    signer = LeaseSigner(keys.parse(_required(settings.lease_keys, "LEASE_KEYS")))
    _check_admin_key(_required(settings.admin_key, "ADMIN_KEY"))
    _check_urls(settings)
    metrics_address = address(settings.metrics_listen, "METRICS_LISTEN")
    database = open_mysql(settings.mysql_url, _slot(), _THREADS, seconds=_ANSWER_SECONDS)
    registry, waiting, pulse = new_registry(), Waiting(), Pulse()
    stopping = stop_on_signals()
    try:
        with bind(*address(settings.listen, "LISTEN"), "set JOBHOPPER_LISTEN") as listener:
            waiting.set("listen", "not listening yet")
            serve_probes(metrics_address, registry, pulse, waiting.reasons)
            instead = partial(_begin_without, settings, database)
            if await_database(database, settings.shards, waiting, stopping, pulse, instead):
                serving = _serve(
                    settings, database, signer, registry, pulse, waiting, stopping, listener
                )
                uvloop.run(serving)
    finally:
        database.close()
    _log.info("stopped")


async def _serve(
    settings: ApiSettings,
    database: ServerDatabase,
    signer: LeaseSigner,
    registry: CollectorRegistry,
    pulse: Pulse,
    waiting: Waiting,
    stopping: threading.Event,
    listener: socket,
) -> None:
    url, shards = settings.rabbitmq_url, settings.shards
    broker = BrokerPath(url, shards) if url else None
    facts = Facts(version("jobhopper-api"), "normal", shards, database.clock(), False)
    gate = GateSettings(settings.admin_key, open=False)
    services = put_together(
        database,
        "mysql",
        facts,
        gate,
        signer,
        registry,
        broker,
        settings.redis_url,
        partial(Sight, settings.mysql_url, database),
        url,
    )
    background = [_beat(services, pulse), services.outage.run(), services.sampling.run()]
    background += [broker.run()] if broker is not None else []
    background += [services.redis.listen()] if services.redis is not None else []
    serves = partial(waiting.set, "listen", None)
    await serve(services, listener, background, serves, stopping.is_set)


async def _beat(services: Services, pulse: Pulse) -> None:
    turned = 0.0
    while True:
        pulse.beat("event-loop")
        if services.health.turned != turned:
            turned = services.health.turned
            pulse.beat("health")
        await asyncio.sleep(_BEAT_SECONDS)


def _begin_without(settings: ApiSettings, database: ServerDatabase) -> bool:
    """Whether Redis knows enough of the install to begin without MySQL."""
    if not settings.redis_url:
        return False
    names = Names()
    link = HopperLink(settings.redis_url, HopperCommands(names))
    try:
        return start_from_mirror(link, names, database, settings.shards)
    finally:
        link.close()


def _required(value: str | None, name: str) -> str:
    if not value:
        variable = f"JOBHOPPER_{name}"
        raise ConfigurationError(f"{variable} is missing; set it or {variable}_FILE.")
    return value


def _check_urls(settings: ApiSettings) -> None:
    # Before the database is waited for: what is wrong is told at once.
    if settings.rabbitmq_url:
        parameters(settings.rabbitmq_url)
    if settings.redis_url:
        client(settings.redis_url)


def _check_admin_key(key: str) -> None:
    if access.key_id(key) is None:
        raise ConfigurationError(f"JOBHOPPER_ADMIN_KEY {access.KEY_FORM}")


def _slot() -> int:
    name = f"{gethostname()}:{os.getpid()}".encode()
    return counts.FREE_SLOTS + zlib.crc32(name) % _SLOTS
