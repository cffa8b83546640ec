"""The embedded mode's database: one writer that commits in groups, and several readers."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from jobhopper_core.store.dialect import Dialect
from jobhopper_core.store.faults import translated
from jobhopper_core.store.group_commit import GroupCommit
from jobhopper_core.store.sqlite import Clock
from jobhopper_core.store.threads import submitted
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")

_READERS = 4


class SqliteDatabase:
    """A `Database` on a file that this process owns."""

    def __init__(self, engine: Engine, dialect: Dialect, clock: Clock, slot: int) -> None:
        self.clock = clock
        self._engine = engine
        self._dialect = dialect
        self._slot = slot
        self._writer = GroupCommit(engine, dialect, slot)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")

    def write(self, verb: Callable[[Transaction], T]) -> Future[T]:
        """As `Database.write`."""
        return self._writer.submit(verb)

    def read(self, verb: Callable[[Transaction], T]) -> Future[T]:
        """As `Database.read`: on a snapshot."""
        return submitted(self._readers, self._read, verb)

    def run(self, verb: Callable[[Transaction], T]) -> T:
        """As `Database.run`: the one writer does it."""
        return self.write(verb).result()

    def backlog(self) -> int:
        """How many writes are waiting for their turn."""
        return self._writer.backlog()

    def close(self) -> None:
        """Finishes what was begun and closes every connection."""
        self._writer.close()
        self._readers.shutdown(wait=True)
        self._engine.dispose()

    def _read(self, verb: Callable[[Transaction], T]) -> T:
        try:
            with self._engine.connect() as connection, connection.begin():
                return verb(Transaction(connection, self._dialect, self._slot))
        except DBAPIError as error:
            raise translated(error) from error
