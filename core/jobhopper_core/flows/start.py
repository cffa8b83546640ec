"""How a service starts: it waits for its database, and says meanwhile what it waits for."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from types import FrameType

from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import ConfigurationError, JobhopperError, UnavailableError
from jobhopper_core.hopper import mirror
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.store import meta, schema
from jobhopper_core.store import shards as shard_rows
from jobhopper_core.store.database import Database
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.transaction import Transaction
from jobhopper_core.telemetry.probes import Pulse

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 1.0
_STORES = {
    "mysql_url": "JOBHOPPER_MYSQL_URL",
    "rabbitmq_url": "JOBHOPPER_RABBITMQ_URL",
    "redis_url": "JOBHOPPER_REDIS_URL",
}


class Waiting:
    """Why a process is not ready yet; empty when it is."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {"start": "starting"}

    def set(self, what: str, reason: str | None) -> None:
        """Notes what is waited for, or None when that is over."""
        if reason is None:
            self._reasons.pop(what, None)
        else:
            self._reasons[what] = reason

    def reasons(self) -> Mapping[str, str]:
        """The reasons, by what is lacking."""
        return dict(self._reasons)


def require(settings: object, *names: str) -> None:
    """Raises ConfigurationError, naming the variable, when a store's URL is missing."""
    for name in names:
        if not getattr(settings, name):
            variable = _STORES[name]
            raise ConfigurationError(f"{variable} is missing; set it or {variable}_FILE.")


def await_database(
    database: Database,
    shards: int,
    waiting: Waiting,
    stopping: threading.Event,
    pulse: Pulse,
    instead: Callable[[], bool] = lambda: False,
) -> bool:
    """Waits until the database answers with the right schema; False when told to stop.

    While it is away `instead` is asked whether the process can begin without it.

    Raises ConfigurationError for what no waiting mends: a newer schema, other shards.
    """
    while not stopping.is_set():
        pulse.beat("start")
        try:
            database.write(lambda tx: _agree(tx, shards)).result()
        except UnavailableError as error:
            waiting.set("mysql", str(error))
            _log.warning("waiting", extra={"reason": str(error)[:300]})
            if not instead():
                stopping.wait(_PAUSE_SECONDS)
                continue
        waiting.set("mysql", None)
        waiting.set("start", None)
        pulse.forget("start")
        return True
    return False


def start_from_mirror(
    link: HopperLink, names: Names, database: ServerDatabase, shards: int
) -> bool:
    """Takes from Redis what the database would have said; False when it is not there.

    Raises ConfigurationError when the install has other shards.
    """
    try:
        found = mirror.meta(link.run([("GET", names.plain("meta"))])[0])
        now = link.now_ms() * 1000
    except UnavailableError:
        return False
    if found is None or found.schema != schema.SCHEMA:
        return False
    meta.check_shards(shards, str(found.shards))
    database.offset = now + found.offset - time.time_ns() // 1000
    return True


class _Stopping(threading.Event):
    """Is set as soon as `told` is true; those who wait hear of it a moment later."""

    told = False

    def is_set(self) -> bool:
        return self.told or super().is_set()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = _Stopping()
    # A handler that set the event itself would wait for ever for the event's own lock where it
    # interrupts this thread on its way into or out of `wait`. A queue is made to be interrupted.
    signals: SimpleQueue[None] = SimpleQueue()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.told = True
        signals.put(None)

    def pass_on() -> None:
        signals.get()
        stopping.set()

    threading.Thread(target=pass_on, name="stop", daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def exit_code(name: str, run: Callable[[], None]) -> int:
    """Runs a process; 0 when it ended well, 2 with one clear line when it could not."""
    try:
        run()
    except JobhopperError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    return 0


def _agree(tx: Transaction, shards: int) -> None:
    schema.check(tx)
    meta.agree_on_shards(tx, shards)
    shard_rows.make(tx, [lane.value for lane in Lane], shards)
