"""`jobhopper dev`: the embedded server for trying things out and for development."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from jobhopper_api.http.server import bind, serve
from jobhopper_core.errors import JobhopperError
from jobhopper_core.settings import read_settings
from jobhopper_core.store.database import Database
from jobhopper_core.telemetry.logs import set_up_logs
from jobhopper_embedded.assemble import assemble, open_database
from jobhopper_embedded.lock import lock
from jobhopper_embedded.loops import Loops
from jobhopper_embedded.settings import EmbeddedSettings, check_admin_key, is_loopback

_GREETING = """\
Jobhopper serves on {url} and keeps its jobs in {db}. Ctrl-C ends it. Try:

  curl {url}/v1/jobs{auth} {json} -d '{{"queue": "mail", "type": "welcome"}}'
  curl {url}/v1/claims{auth} {json} -d '{{"queues": ["mail"]}}'
  curl '{url}/v1/jobs?queue=mail'{auth}
"""


_REMEDY = "name another --port or --host"
_JSON = "-H 'Content-Type: application/json'"


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(arguments)
    try:
        settings = read_settings(EmbeddedSettings, os.environ)
        set_up_logs(settings.log_level)
        check_admin_key(settings, options.host)
        return _run(options, settings)
    except JobhopperError as error:
        sys.stderr.write(f"jobhopper dev: {error}\n")
        return 2


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="jobhopper dev", description="Serves Jobhopper in one process, on a database file."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (%(default)s)")
    parser.add_argument(
        "--db", type=Path, default=Path("jobhopper.db"), help="database file (%(default)s)"
    )
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, settings: EmbeddedSettings) -> int:
    with lock(options.db), bind(options.host, options.port, _REMEDY) as listener:
        database = open_database(options.db, settings)
        try:
            uvloop.run(_serve(options, settings, database, listener))
        finally:
            database.close()
    return 0


async def _serve(
    options: argparse.Namespace,
    settings: EmbeddedSettings,
    database: Database,
    listener: socket.socket,
) -> None:
    services = assemble(database, settings, loopback=is_loopback(options.host))
    loops = Loops(
        services.store,
        services.hub,
        settings.shards,
        services.metrics.registry,
        services.metrics.label,
    )
    await serve(services, listener, [loops.run()], lambda: _greet(options, settings, listener))


def _greet(
    options: argparse.Namespace, settings: EmbeddedSettings, listener: socket.socket
) -> None:
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    auth = ' -H "Authorization: Bearer $JOBHOPPER_KEY"' if settings.admin_key else ""
    sys.stdout.write(_GREETING.format(url=url, db=options.db, auth=auth, json=_JSON))
    sys.stdout.flush()
