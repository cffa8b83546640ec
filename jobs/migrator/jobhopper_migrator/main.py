"""`jobhopper-migrate`: brings the database to this release's schema, then ends."""

import logging
import os
import sys
import threading
import time

from jobhopper_core.errors import JobhopperError, UnavailableError
from jobhopper_core.flows.start import exit_code, require, stop_on_signals
from jobhopper_core.settings import read_settings
from jobhopper_core.store.database import Database, open_mysql
from jobhopper_core.telemetry.logs import set_up_logs
from jobhopper_migrator.migrate import migrate
from jobhopper_migrator.settings import MigratorSettings

_log = logging.getLogger(__name__)

# A database that is just starting is waited for; after that someone has to look.
_PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 1.0


def main() -> None:
    """Runs the process and exits."""
    sys.exit(exit_code("jobhopper-migrate", _run))


def _run() -> None:
    settings = read_settings(MigratorSettings, os.environ)
    set_up_logs(settings.log_level)
    require(settings, "mysql_url")
    database = open_mysql(settings.mysql_url, slot=0, threads=1)
    try:
        # As the first process of a container it would not hear of a signal that nobody handles.
        _migrate(database, time.monotonic() + _PATIENCE_SECONDS, stop_on_signals())
    finally:
        database.close()
    _log.info("migrated")


def _migrate(database: Database, until: float, stopping: threading.Event) -> None:
    while True:
        try:
            migrate(database)
        except UnavailableError as error:
            if time.monotonic() > until:
                raise JobhopperError(f"Gave up after {_PATIENCE_SECONDS} s: {error}") from None
            _log.warning("waiting", extra={"reason": str(error)[:300]})
            if stopping.wait(_PAUSE_SECONDS):
                raise JobhopperError("Told to end before the database answered.") from None
        else:
            return
