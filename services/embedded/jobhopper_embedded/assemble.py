"""Puts the parts of the embedded mode together."""

import time
from importlib.metadata import version
from pathlib import Path

from jobhopper_api.assemble import GateSettings, new_registry, put_together
from jobhopper_api.services import Facts, Services
from jobhopper_core.errors import (
    ConfigurationError,
    JobhopperError,
    SchemaMismatchError,
    UnavailableError,
)
from jobhopper_core.leases import keys
from jobhopper_core.leases.token import LeaseSigner
from jobhopper_core.store import counts, meta
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
    database = open_sqlite(path, clock, slot=counts.FREE_SLOTS)
    try:
        migrate(database)
        database.write(lambda tx: meta.agree_on_shards(tx, settings.shards)).result()
    except UnavailableError as error:
        database.close()
        reason = str(error).removeprefix("The database can't serve now: ")
        raise ConfigurationError(f"Can't use {path}: {reason}; name another --db.") from None
    except SchemaMismatchError as error:
        database.close()
        raise ConfigurationError(f"Can't use {path}: {error} Or name another --db.") from None
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
    open_ = loopback and settings.admin_key is None
    release = version("jobhopper-embedded")
    facts = Facts(release, "embedded", settings.shards, database.clock(), open_)
    gate = GateSettings(settings.admin_key, open_)
    return put_together(database, "sqlite", facts, gate, signer(database, settings), new_registry())
