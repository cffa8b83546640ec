"""MySQL and MariaDB: the dialect of the services.

Statements are the portable forms that were also the fastest: multi-row VALUES, and updates
joined by primary key to a table of the values that differ from row to row.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pymysql.constants import CR
from pymysql.err import OperationalError
from sqlalchemy import Connection, Engine, create_engine

from jobhopper_core import authority, tcp
from jobhopper_core.errors import ConfigurationError
from jobhopper_core.store.dialect import Row
from jobhopper_core.store.lost_sessions import LostSessions
from jobhopper_core.store.rest import replace_rested
from jobhopper_core.store.session import Session

Clock = Callable[[], int]

# Below the second after which a SYN that was lost is repeated: a new one comes sooner.
_CONNECT_SECONDS = 0.7
SOCKET_SECONDS = 10
_LOCK_WAIT_SECONDS = 5
# The server ends a session that says nothing for so long, and with it the locks of a process that
# froze or lost its machine. What rests in a pool is replaced before that.
_SILENCE_SECONDS = 30
_REST_SECONDS = 20.0
_DEFAULT_PORT = 3306
NOW = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"


class MysqlDialect:
    """Their own forms. `clock` stands in for the server's clock in tests alone."""

    for_update = " FOR UPDATE"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock
        self.now_column = NOW if clock is None else ""

    def now(self, connection: Connection) -> int:
        """The server's clock, in µs since 1970."""
        if self._clock is not None:
            return self._clock()
        found: int = connection.exec_driver_sql(f"SELECT {NOW}").scalar_one()
        return found

    def sql(self, text: str) -> str:
        """The driver's placeholder is `%s`."""
        return text.replace("?", "%s")

    def by_index(self, name: str) -> str:
        """Left to itself MySQL may walk another one where a LIMIT makes it look cheap."""
        return f" FORCE INDEX ({name})"

    def insert_new(
        self, connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """One statement; a duplicate is an update that changes nothing, never IGNORE."""
        if not rows:
            return 0
        one = f"({', '.join(['%s'] * len(columns))})"
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608
            f"{', '.join([one] * len(rows))} "
            f"ON DUPLICATE KEY UPDATE {columns[0]} = {table}.{columns[0]}"
        )
        return connection.exec_driver_sql(sql, _flat(rows)).rowcount

    def update_matching(
        self,
        connection: Connection,
        table: str,
        values: Sequence[str],
        keys: Sequence[str],
        rows: Sequence[Row],
    ) -> int:
        """One statement, joined by primary key to the values that differ from row to row.

        What is the same in all rows is said once; rows that differ in the primary key alone (a
        worker's claim of many jobs) need no join.
        """
        if not rows:
            return 0
        at = len(values)
        columns = list(zip(*rows, strict=True))
        differing = [
            i for i, column in enumerate(columns) if i == at or column != (column[0],) * len(rows)
        ]
        if differing == [at]:
            return _update_alike(connection, table, values, keys, rows)
        is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
        new = _table_of([f"c{i}" for i in differing], len(rows), mariadb=is_mariadb)
        given = [
            value for row in zip(*[columns[i] for i in differing], strict=True) for value in row
        ]
        terms = []
        for i, name in enumerate((*values, *keys)):
            terms.append(f"j.{name} = t.c{i}" if i in differing else f"j.{name} = %s")
            given += [] if i in differing else [rows[0][i]]
        where = f" WHERE {' AND '.join(terms[at + 1 :])}" if terms[at + 1 :] else ""
        sql = f"UPDATE {table} j JOIN {new} ON {terms[at]} SET {', '.join(terms[:at])}{where}"  # noqa: S608
        return connection.exec_driver_sql(sql, tuple(given)).rowcount

    def add_counts(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Adds to the counters, making those that are missing; sent with the commit."""
        if not rows:
            return
        marks = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
        sql = (
            f"INSERT INTO queue_counts (queue, slot, status, n) VALUES {marks} "  # noqa: S608
            "ON DUPLICATE KEY UPDATE n = n + VALUES(n)"
        )
        session = connection.connection.driver_connection
        if not isinstance(session, Session):
            raise TypeError("the counters need a session of our own")
        session.at_commit(sql, _flat(rows))


def _update_alike(
    connection: Connection,
    table: str,
    values: Sequence[str],
    keys: Sequence[str],
    rows: Sequence[Row],
) -> int:
    at = len(values)
    sets = ", ".join(f"{value} = %s" for value in values)
    marks = ", ".join(["%s"] * len(rows))
    others = "".join(f" AND {key} = %s" for key in keys[1:])
    sql = f"UPDATE {table} SET {sets} WHERE {keys[0]} IN ({marks}){others}"  # noqa: S608
    given = (*rows[0][:at], *(row[at] for row in rows), *rows[0][at + 1 :])
    return connection.exec_driver_sql(sql, given).rowcount


def _table_of(names: Sequence[str], rows: int, *, mariadb: bool) -> str:
    """A derived table `t` of placeholders with columns `names`."""
    marks = ", ".join(["%s"] * len(names))
    if not mariadb:
        # A row value costs the parser a fifth less than a SELECT of its own.
        return f"(VALUES {', '.join([f'ROW({marks})'] * rows)}) t ({', '.join(names)})"
    first = ", ".join(f"%s AS {name}" for name in names)
    return f"(SELECT {first}{f' UNION ALL SELECT {marks}' * (rows - 1)}) t"


def _flat(rows: Sequence[Row]) -> tuple[Any, ...]:
    return tuple(value for row in rows for value in row)


def mysql_engine(
    url: str, pool: int, lost: LostSessions, seconds: float = SOCKET_SECONDS
) -> Engine:
    """An engine for `mysql://user:password@host:port/database`, with up to `pool` connections.

    A statement that takes longer than `seconds` counts as lost; `lost` gets to know whose it was.

    Raises ConfigurationError when the URL or its authority for TLS can't be read; it never
    repeats the password.
    """
    options = connection_options(url)
    if "ssl_ca" in options:
        authority.check("JOBHOPPER_MYSQL_URL", options["ssl_ca"])
    engine = create_engine(
        "mysql+pymysql://",
        creator=lambda: lost.end(connect(options, seconds=seconds)),
        pool_size=pool,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        # With little to do one connection stays in use, instead of all resting in turn.
        pool_use_lifo=True,
        # Every transaction is ended by who began it; one more rollback would cost a round trip.
        pool_reset_on_return=None,
        # A driver's error would carry payloads into the log otherwise.
        hide_parameters=True,
    )
    lost.watch(engine)
    replace_rested(engine, _REST_SECONDS)
    return engine


def connection_options(url: str) -> dict[str, Any]:
    """What PyMySQL is told, from a URL. `?ssl_ca=FILE` (or `ssl=true`) asks for TLS."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        raise _bad_url() from None
    database = parts.path.strip("/")
    if parts.scheme != "mysql" or not parts.hostname or not database:
        raise _bad_url()
    return {
        "host": parts.hostname,
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": database,
        **_tls(parse_qs(parts.query)),
    }


def _tls(query: dict[str, list[str]]) -> dict[str, Any]:
    if "ssl_ca" in query:
        return {"ssl_ca": query["ssl_ca"][0], "ssl_verify_identity": True, "ssl_verify_cert": True}
    if query.get("ssl") == ["true"]:
        return {"ssl": {"check_hostname": False}}
    # The driver would try TLS unasked and check nothing: cost without safety.
    return {"ssl_disabled": True}


def _bad_url() -> ConfigurationError:
    return ConfigurationError(
        "JOBHOPPER_MYSQL_URL must read mysql://USER:PASSWORD@HOST:PORT/DATABASE "
        "(percent-encode what is special in the password)."
    )


def _lock_wait(seconds: float) -> int:
    # Whoever waits for a lock hears so before the answer counts as lost: with the counters a
    # commit is under way, and the server would go on to it when nobody listens any more.
    return max(1, min(_LOCK_WAIT_SECONDS, int(seconds) - 1))


def connect(
    options: dict[str, Any], *, seconds: float = SOCKET_SECONDS, autocommit: bool = False
) -> Session:
    """A connection in which no answer is waited for longer than `seconds`."""
    try:
        connection = Session(
            **options,
            charset="utf8mb4",
            collation="utf8mb4_bin",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=seconds,
            write_timeout=seconds,
            # The drivers' own ways to set this and the isolation cost two round trips more; on a
            # slow network a new connection has to be there within a request's time all the same.
            autocommit=None,
            init_command=(
                f"SET SESSION autocommit = {autocommit:d}, "
                "SESSION time_zone = '+00:00', "
                f"SESSION innodb_lock_wait_timeout = {_lock_wait(seconds)}, "
                f"SESSION wait_timeout = {_SILENCE_SECONDS}, "
                "SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
                "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
            ),
        )
    except OSError as error:
        # The authority's file, which is read anew each time since it may be renewed. All else the
        # driver tells as errors of its own.
        reason = f"TLS with {options.get('ssl_ca')}: {error}"
        raise OperationalError(CR.CR_SSL_CONNECTION_ERROR, reason) from error
    # The driver has no setting for it.
    tcp.harden(connection._sock)  # type: ignore[attr-defined]  # noqa: SLF001
    connection.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    return connection
