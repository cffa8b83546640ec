"""A database that is a server of its own: MySQL or MariaDB, by a pool of threads.

Each thread runs one transaction at a time on a connection of the pool. What another
transaction spoilt (a deadlock, a lock that was waited for too long, a row that changed) is run
again from its beginning, a few times; what a lost connection spoilt before its commit is run
again on a fresh one, once.
"""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jobhopper_core.errors import OutcomeUnknownError, UnavailableError
from jobhopper_core.store.dialect import Dialect
from jobhopper_core.store.faults import is_contention, translated
from jobhopper_core.store.lost_sessions import LostSessions
from jobhopper_core.store.save import ChangedMeanwhileError
from jobhopper_core.store.threads import submitted
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")
Clock = Callable[[], int]

_TRIES = 5
_PAUSE_MS = 20


class ServerDatabase:
    """A `Database` that other processes use too."""

    def __init__(
        self,
        engine: Engine,
        dialect: Dialect,
        slot: int,
        threads: int,
        clock: Clock | None,
        lost: LostSessions,
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._slot = slot
        self._clock = clock
        # Server's time less this process's, in µs, as measured by the probes.
        self.offset = 0
        # For who connects to the server beside the engine, and sooner after an outage.
        self.lost = lost
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")

    def clock(self) -> int:
        """The server's time as known here: this process's and the measured offset."""
        return time.time_ns() // 1000 + self.offset if self._clock is None else self._clock()

    def write(self, verb: Callable[[Transaction], T]) -> Future[T]:
        """As `Database.write`."""
        return submitted(self._threads, self.run, verb)

    def read(self, verb: Callable[[Transaction], T]) -> Future[T]:
        """As `Database.read`."""
        return submitted(self._threads, self.run, verb)

    def backlog(self) -> int:
        """How many calls are waiting for a thread."""
        return self._threads._work_queue.qsize()  # noqa: SLF001 - it has no other door

    def close(self) -> None:
        """Finishes what was begun and closes every connection."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def run(self, verb: Callable[[Transaction], T]) -> T:
        """Runs `verb` in a transaction on the calling thread, again where that can help."""
        fresh = again = False
        for tries_left in reversed(range(_TRIES)):
            attempt = _Attempt(again)
            try:
                return self._once(verb, attempt)
            except ChangedMeanwhileError:
                if tries_left == 0:
                    raise
                again = True
            except PoolTimeoutError:
                raise UnavailableError("Every connection to the database is busy.") from None
            except DBAPIError as error:
                if error.connection_invalidated and attempt.committing:
                    raise OutcomeUnknownError(
                        f"The database went away while it committed: {error.orig}"
                    ) from error
                dead = error.connection_invalidated and not fresh
                fresh = fresh or dead
                if tries_left == 0 or not (dead or is_contention(error)):
                    raise translated(error) from error
            time.sleep(secrets.randbelow(_PAUSE_MS) / 1000)
        raise AssertionError("unreachable")

    def _once(self, verb: Callable[[Transaction], T], attempt: "_Attempt") -> T:
        with self._engine.connect() as connection, connection.begin():
            tx = Transaction(connection, self._dialect, self._slot, again=attempt.again)
            result = verb(tx)
            attempt.committing = True
        return result


@dataclass(slots=True)
class _Attempt:
    """How far a transaction came; `again`: an earlier one met rows that it did not expect."""

    again: bool
    committing: bool = False
