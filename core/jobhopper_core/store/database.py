"""A database: hands out transactions for reading and for writing, on threads of its own.

The API runs on one event loop and must not wait for a disk, so both calls return a
`concurrent.futures.Future`.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from jobhopper_core.errors import UnavailableError
from jobhopper_core.store.dialect import Dialect
from jobhopper_core.store.faults import translated
from jobhopper_core.store.group_commit import GroupCommit
from jobhopper_core.store.sqlite import Clock, SqliteDialect, sqlite_engine
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")
Verb = Callable[[Transaction], T]

_READERS = 4


class Database:
    """The embedded mode's database: one writer that commits in groups, and several readers."""

    def __init__(self, engine: Engine, dialect: Dialect, clock: Clock, slot: int) -> None:
        self.clock = clock
        self._engine = engine
        self._dialect = dialect
        self._slot = slot
        self._writer = GroupCommit(engine, dialect, slot)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")

    def write(self, verb: Verb[T]) -> Future[T]:
        """Runs `verb` in a transaction; the future is done once that is committed.

        Raises through the future: what the verb raised (its changes undone),
        StoreDataError, or UnavailableError. Cancelling it before it began undoes all.
        """
        return self._writer.submit(verb)

    def read(self, verb: Verb[T]) -> Future[T]:
        """Runs `verb` on a snapshot of what is committed.

        Raises through the future what the verb raised, StoreDataError, or UnavailableError.
        """
        try:
            return self._readers.submit(self._read, verb)
        except RuntimeError as error:
            raise UnavailableError(f"The database can't serve now: {error}") from None

    def backlog(self) -> int:
        """How many writes are waiting for their turn."""
        return self._writer.backlog()

    def close(self) -> None:
        """Finishes what was begun and closes every connection."""
        self._writer.close()
        self._readers.shutdown(wait=True)
        self._engine.dispose()

    def _read(self, verb: Verb[T]) -> T:
        try:
            with self._engine.connect() as connection, connection.begin():
                return verb(Transaction(connection, self._dialect, self._slot))
        except DBAPIError as error:
            raise translated(error) from error


def open_sqlite(path: Path, clock: Clock, slot: int) -> Database:
    """The database in the file `path`; `clock` gives µs since 1970."""
    return Database(sqlite_engine(path), SqliteDialect(clock), clock, slot)
