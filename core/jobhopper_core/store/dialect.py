"""What differs between databases: the seam that each dialect module fills."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

Row = Sequence[Any]


class Dialect(Protocol):
    """One database's way of saying what the verbs need; all row sets come sorted by key."""

    # Appended to a read whose rows are about to be changed.
    for_update: str
    # The clock (µs) as a column that a read may take along; empty where it costs nothing anyway.
    now_column: str

    def now(self, connection: Connection) -> int:
        """The database's clock, in µs since 1970."""
        ...

    def sql(self, text: str) -> str:
        """`text` with `?` turned into the driver's own placeholder."""
        ...

    def by_index(self, name: str) -> str:
        """What follows a table's name so that an index is used which is sure to be the best."""
        ...

    def insert_new(
        self, connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Inserts rows whose primary key is not there yet; returns how many those were."""
        ...

    def update_matching(
        self,
        connection: Connection,
        table: str,
        values: Sequence[str],
        keys: Sequence[str],
        rows: Sequence[Row],
    ) -> int:
        """Sets `values` where all `keys` (the primary key first) are equal; rows changed.

        Each of `rows` holds the values, then the keys.
        """
        ...

    def add_counts(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Adds to `queue_counts`: rows of (queue, slot, status, n), in key order."""
        ...
