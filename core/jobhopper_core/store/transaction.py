"""A transaction: what a verb is given to work with."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from jobhopper_core.store.dialect import Dialect, Row

# Below the smallest limit on parameters of a statement (SQLite's 32,766) for one-column lists,
# short enough for the optimizer's own limit on ranges, and below the 1,000 from which on MariaDB
# makes a table of them, joins it, and sorts (`in_predicate_conversion_threshold`).
_IN_MAX = 999


class Transaction:
    """One open transaction of a connection; the verbs' only way to the database."""

    def __init__(
        self, connection: Connection, dialect: Dialect, slot: int, *, again: bool = False
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        # Whether an earlier try met something unlikely: this one looks before it writes.
        self.again = again
        # Which of a queue's counter rows this process adds to, so that processes don't queue up.
        self.slot = slot
        self._now: int | None = None

    def now(self) -> int:
        """The database's clock as this transaction first read it, in µs since 1970."""
        if self._now is None:
            self._now = self.dialect.now(self.connection)
        return self._now

    def note_now(self, now: int) -> None:
        """Takes over the database's clock (µs) from a statement that had it read along."""
        self._now = now

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows of a query with `?` placeholders."""
        cursor = self.connection.exec_driver_sql(self.dialect.sql(sql), tuple(parameters))
        return cursor.fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Runs a statement with `?` placeholders; returns the number of rows it changed."""
        return self.connection.exec_driver_sql(self.dialect.sql(sql), tuple(parameters)).rowcount

    def insert_new(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> int:
        """As `Dialect.insert_new`."""
        return self.dialect.insert_new(self.connection, table, columns, rows)

    def update_matching(
        self, table: str, values: Sequence[str], keys: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """As `Dialect.update_matching`."""
        return self.dialect.update_matching(self.connection, table, values, keys, rows)

    def read_in(
        self, select: str, column: str, keys: Sequence[Any], tail: str = ""
    ) -> Iterable[Row]:
        """`select … WHERE column IN (keys)` with `tail` behind it, in pieces, keys in order."""
        for condition, piece in _conditions(column, keys):
            yield from self.read(f"{select}{condition}{tail}", piece)

    def run_in(
        self,
        change: str,
        column: str,
        keys: Sequence[Any],
        tail: str = "",
        parameters: Sequence[Any] = (),
    ) -> None:
        """`change … WHERE column IN (keys)` with `tail` behind it, in pieces, keys in order.

        `parameters` are those of `change`.
        """
        for condition, piece in _conditions(column, keys):
            self.run(f"{change}{condition}{tail}", (*parameters, *piece))


def _conditions(column: str, keys: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    for piece in _pieces(keys):
        marks = ", ".join("?" * len(piece))
        yield f" WHERE {column} IN ({marks})", piece


def _pieces(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(keys), _IN_MAX):
        yield keys[start : start + _IN_MAX]
