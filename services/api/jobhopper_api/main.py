"""`jobhopper-api`: serves the API until it is told to stop."""

import asyncio
import logging
import os
import sys
import time
import zlib
from importlib.metadata import version
from socket import gethostname, socket

import uvloop
from prometheus_client import CollectorRegistry

from jobhopper_api.assemble import GateSettings, new_registry, put_together
from jobhopper_api.http.server import bind, serve
from jobhopper_api.services import Facts, Services
from jobhopper_api.settings import ApiSettings
from jobhopper_api.writes.broker import BrokerPath
from jobhopper_core.broker.connect import parameters
from jobhopper_core.errors import ConfigurationError, UnavailableError
from jobhopper_core.flows.start import Waiting, await_database, exit_code, require, stop_on_signals
from jobhopper_core.hopper.link import client
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
_OFFSET_SECONDS = 2.0
_TRUSTED_US = 50_000


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
    database = open_mysql(settings.mysql_url, _slot(), _THREADS)
    registry, waiting, pulse = new_registry(), Waiting(), Pulse()
    stopping = stop_on_signals()
    try:
        with bind(*address(settings.listen, "LISTEN")) as listener:
            waiting.set("listen", "not listening yet")
            serve_probes(metrics_address, registry, pulse, waiting.reasons)
            if await_database(database, settings.shards, waiting, stopping, pulse):
                uvloop.run(_serve(settings, database, signer, registry, pulse, waiting, listener))
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
    listener: socket,
) -> None:
    url, shards = settings.rabbitmq_url, settings.shards
    broker = BrokerPath(url, shards) if url else None
    facts = Facts(version("jobhopper-api"), "normal", shards, database.clock(), False)
    gate = GateSettings(settings.admin_key, open=False)
    services = put_together(
        database, "mysql", facts, gate, signer, registry, broker, settings.redis_url
    )
    background = [_beat(pulse), _measure_offset(services, database)]
    background += [broker.run()] if broker is not None else []
    background += [services.redis.listen()] if services.redis is not None else []
    await serve(services, listener, background, lambda: waiting.set("listen", None))


async def _beat(pulse: Pulse) -> None:
    while True:
        pulse.beat("event-loop")
        await asyncio.sleep(_BEAT_SECONDS)


async def _measure_offset(services: Services, database: ServerDatabase) -> None:
    """Keeps the difference of the database's clock to this one's; it outlives an outage."""
    while True:
        try:
            before = time.time_ns() // 1000
            now = await services.store.read(lambda tx: tx.now())
            after = time.time_ns() // 1000
        except UnavailableError:
            _log.info("offset_unknown")
        else:
            # A slow answer says little of when in between the clock was read.
            if after - before < _TRUSTED_US or database.offset == 0:
                database.offset = now - (before + after) // 2
        await asyncio.sleep(_OFFSET_SECONDS)


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
