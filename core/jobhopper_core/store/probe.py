"""Asks a MySQL server how it is, on a connection of its own that no work can clog."""

import time
from typing import NamedTuple

import pymysql

from jobhopper_core.errors import UnavailableError
from jobhopper_core.store.lost_sessions import LostSessions
from jobhopper_core.store.meta import PROBE_WRITE
from jobhopper_core.store.mysql import NOW, connect, connection_options
from jobhopper_core.store.session import Session

_SECONDS = 1.0
# A replica that was not promoted answers, and takes no writes.
_SELECT = f"SELECT lane, shard, tick, {NOW}, @@global.read_only FROM shards"  # noqa: S608
# On a full disk commits hang while reads go on: so often at least something is committed.
_WRITE_SECONDS = 2.0
# Not on a slow network, where a second question would make the answer late (µs).
_QUICK = 100_000


class Seen(NamedTuple):
    """What an answer says: the newest ticks (µs) by (lane, shard), and the clocks.

    `now` is the server's time, `local` this process's in the middle of the question, which took
    `took` (all µs).
    """

    ticks: dict[tuple[str, int], int]
    now: int
    local: int
    took: int


class Probe:
    """Use it from one thread at a time. Its connections end the sessions of `lost`."""

    def __init__(self, url: str, lost: LostSessions) -> None:
        self._options = connection_options(url)
        self._lost = lost
        self._connection: Session | None = None
        # Whether the last question was answered; one that was not is followed by a write.
        self._well = True
        # When a write was last taken (monotonic).
        self._written = 0.0

    def ask(self) -> Seen:
        """What the server says, within about two seconds. Raises UnavailableError."""
        try:
            return self._ask()
        except (pymysql.MySQLError, OSError) as error:
            self._well = False
            self.close()
            raise UnavailableError(f"MySQL can't serve now: {error}") from None

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # Its polite farewell would wait for the server.
            connection._force_close()  # type: ignore[attr-defined]  # noqa: SLF001

    def _ask(self) -> Seen:
        if self._connection is None:
            fresh = connect(self._options, seconds=_SECONDS, autocommit=True)
            # In an outage a process may have no other work with the server than this.
            self._connection = self._lost.end(fresh)
        before = time.time_ns() // 1000
        with self._connection.cursor() as cursor:
            cursor.execute(_SELECT)
            rows = cursor.fetchall()
            after = time.time_ns() // 1000
            if not rows:
                raise UnavailableError("The database has no shards; run jobhopper-migrate.")
            if rows[0][4]:
                self._well = False
                raise UnavailableError("The database is read-only.")
            due = time.monotonic() - self._written >= _WRITE_SECONDS
            if not self._well or (due and after - before < _QUICK):
                cursor.execute(PROBE_WRITE)
                self._written = time.monotonic()
        self._well = True
        ticks = {(lane, shard): tick for lane, shard, tick, *_ in rows}
        return Seen(ticks, rows[0][3], (before + after) // 2, after - before)


def applied(seen: Seen, lane: str) -> int:
    """The tick (µs) up to which every shard of `lane` has been applied."""
    return min((tick for (one, _), tick in seen.ticks.items() if one == lane), default=0)
