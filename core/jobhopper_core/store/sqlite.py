"""SQLite: the dialect of the embedded mode.

One process owns the file. The journal is a WAL and every commit is synced, so a process or a
machine that dies loses nothing that was answered.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from jobhopper_core.store.dialect import Row

Clock = Callable[[], int]


class SqliteDialect:
    """SQLite's own forms. Its clock is the process's, injected so that tests can move it."""

    for_update = ""
    now_column = ""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self, _connection: Connection) -> int:
        """The clock, in µs since 1970: the database lives in this process."""
        return self._clock()

    def sql(self, text: str) -> str:
        """SQLite takes `?` as it is."""
        return text

    def by_index(self, _name: str) -> str:
        """Here the planner finds it by itself, which a test holds."""
        return ""

    def insert_new(
        self, connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Row by row under one prepared statement: in-process, that is the fastest form."""
        marks = ", ".join("?" * len(columns))
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) "  # noqa: S608
            "ON CONFLICT DO NOTHING"
        )
        return _run_many(connection, sql, rows)

    def update_matching(
        self,
        connection: Connection,
        table: str,
        values: Sequence[str],
        keys: Sequence[str],
        rows: Sequence[Row],
    ) -> int:
        """Row by row under one prepared statement."""
        sets = ", ".join(f"{value} = ?" for value in values)
        where = " AND ".join(f"{key} = ?" for key in keys)
        return _run_many(connection, f"UPDATE {table} SET {sets} WHERE {where}", rows)  # noqa: S608

    def add_counts(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Adds to the counters, making those that are missing."""
        sql = (
            "INSERT INTO queue_counts (queue, slot, status, n) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (queue, slot, status) DO UPDATE SET n = n + excluded.n"
        )
        _run_many(connection, sql, rows)


def _run_many(connection: Connection, sql: str, rows: Sequence[Row]) -> int:
    if not rows:
        return 0
    return connection.exec_driver_sql(sql, [tuple(row) for row in rows]).rowcount


def sqlite_engine(path: Path) -> Engine:
    """An engine on the file `path`, made when it is missing."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": 5.0},
        pool_size=8,
        max_overflow=0,
        # A driver's error would carry payloads into the log otherwise.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: Any) -> None:  # noqa: ANN401
    # The driver would open transactions by its own guess; `_begin` does it instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -65536",
        "mmap_size = 268435456",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A transaction that means to write says so at once: two never wait for each other midway.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
