"""Puts the parts of the embedded mode together."""

import random
import time
from importlib.metadata import version
from pathlib import Path

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from jobhopper_api.bridge import Store
from jobhopper_api.claims.desk import ClaimDesk
from jobhopper_api.health import StoreHealth
from jobhopper_api.http.identity import Gate
from jobhopper_api.hub import Hub
from jobhopper_api.queue_registry import QueueRegistry
from jobhopper_api.services import Facts, Services
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_api.writes.straight import StraightPath
from jobhopper_core.errors import ConfigurationError, JobhopperError, UnavailableError
from jobhopper_core.leases import keys
from jobhopper_core.leases.token import LeaseSigner
from jobhopper_core.model.ids import IdMaker
from jobhopper_core.store import meta
from jobhopper_core.store.database import Database, open_sqlite
from jobhopper_embedded.settings import EmbeddedSettings
from jobhopper_migrator import migrate


def clock() -> int:
    """The time, in µs since 1970."""
    return time.time_ns() // 1000


def open_database(path: Path, settings: EmbeddedSettings) -> Database:
    """The database in `path`, at this release's schema.

    Raises ConfigurationError, also when the file can't be used.
    """
    # The counters' slots below the number of shards are the consumers'.
    database = open_sqlite(path, clock, slot=settings.shards)
    try:
        migrate(database)
        database.write(lambda tx: meta.agree_on_shards(tx, settings.shards)).result()
    except UnavailableError as error:
        database.close()
        reason = str(error).removeprefix("The database can't serve now: ")
        raise ConfigurationError(f"Can't use {path}: {reason}; name another --db.") from None
    except JobhopperError:
        database.close()
        raise
    return database


def signer(database: Database, settings: EmbeddedSettings) -> LeaseSigner:
    """Signs with the keys of the settings, else with one that the database keeps."""
    text = (
        settings.lease_keys
        or database.write(lambda tx: meta.settle(tx, "lease_keys", keys.make())).result()
    )
    return LeaseSigner(keys.parse(text))


def assemble(database: Database, settings: EmbeddedSettings, *, loopback: bool) -> Services:
    """The running parts; has to be called on the event loop that serves them."""
    release = version("jobhopper-embedded")
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    open_ = loopback and settings.admin_key is None
    store, hub, metrics = Store(database), Hub(), ApiMetrics(registry, release)
    writes = StraightPath(store, hub, settings.shards, random.random)
    return Services(
        facts=Facts(release, "embedded", "sqlite", settings.shards, store.now(), open_),
        store=store,
        hub=hub,
        writes=writes,
        claims=ClaimDesk(store, hub, writes),
        queues=QueueRegistry(),
        gate=Gate(store, settings.admin_key, open_=open_),
        health=StoreHealth(store, "sqlite", metrics),
        signer=signer(database, settings),
        ids=IdMaker(),
        metrics=metrics,
    )
