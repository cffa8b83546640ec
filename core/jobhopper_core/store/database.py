"""A database: hands out transactions for reading and for writing, on threads of its own.

The API runs on one event loop and must not wait for a disk, so both calls return a
`concurrent.futures.Future`.
"""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar

from jobhopper_core.store.lost_sessions import LostSessions
from jobhopper_core.store.mysql import SOCKET_SECONDS, MysqlDialect, mysql_engine
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.sqlite import Clock, SqliteDialect, sqlite_engine
from jobhopper_core.store.sqlite_database import SqliteDatabase
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")
Verb = Callable[[Transaction], T]


class Database(Protocol):
    """What every database of ours does."""

    def clock(self) -> int:
        """The database's time as known here without asking it, in µs since 1970."""
        ...

    def write(self, verb: Verb[T]) -> Future[T]:
        """Runs `verb` in a transaction; the future is done once that is committed.

        Raises through the future: what the verb raised (its changes undone),
        StoreDataError, or UnavailableError. Cancelling it before it began undoes all.
        """
        ...

    def read(self, verb: Verb[T]) -> Future[T]:
        """Runs `verb` on what is committed."""
        ...

    def run(self, verb: Verb[T]) -> T:
        """As `write`, but waits: on the calling thread where that is possible."""
        ...

    def backlog(self) -> int:
        """How many writes are waiting for their turn."""
        ...

    def close(self) -> None:
        """Finishes what was begun and closes every connection."""
        ...


def open_sqlite(path: Path, clock: Clock, slot: int) -> Database:
    """The database in the file `path`; `clock` gives µs since 1970."""
    return SqliteDatabase(sqlite_engine(path), SqliteDialect(clock), clock, slot)


def open_mysql(
    url: str,
    slot: int,
    threads: int = 8,
    clock: Clock | None = None,
    seconds: float = SOCKET_SECONDS,
) -> ServerDatabase:
    """The MySQL or MariaDB database at `url`; `clock` stands in for the server's in tests.

    A statement that takes longer than `seconds` counts as lost.

    Raises ConfigurationError when the URL can't be read. Connects when first used.
    """
    lost = LostSessions()
    engine = mysql_engine(url, threads + 1, lost, seconds)
    return ServerDatabase(engine, MysqlDialect(clock), slot, threads, clock, lost)
