"""A place in the database at which a consumer waits, so that it can be killed there."""

from contextlib import suppress

import pymysql

from jobhopper_core.model.writes import Create
from jobhopper_core.store.mysql import connection_options


class Trap:
    """Holds an id's place in `jobs`, so that who inserts it waits there and can be killed.

    That is how one message is told from another by its consumer's death.
    """

    def __init__(self, url: str, create: Create) -> None:
        self._holder = pymysql.connect(**connection_options(url), autocommit=False)
        self._watcher = pymysql.connect(**connection_options(url), autocommit=True)
        self._holder.cursor().execute(
            "INSERT INTO jobs (id, shard, queue, type, status, priority, run_at, max_attempts,"
            " ready_queue, created_at, updated_at, payload) VALUES"
            f" (X'{create.id.replace('-', '')}', 0, 'trap', 't', 'queued', 5, 0, 5, 'trap', 0, 0,"
            " 'null')"
        )

    def caught(self) -> bool:
        """Whether somebody waits at it."""
        with self._watcher.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM performance_schema.data_lock_waits")
            found = cursor.fetchone()
        return found is not None and found[0] > 0

    def end_who_waits(self) -> None:
        """Ends the sessions that wait: that of one killed would wait its five seconds out."""
        with self._watcher.cursor() as cursor:
            end_who_waits(cursor)

    def release(self) -> None:
        """Whoever waits goes on, and the place is free."""
        self._holder.rollback()
        self._holder.close()
        self._watcher.close()


def end_who_waits(cursor: pymysql.cursors.Cursor) -> None:
    """Ends the sessions that wait for a row."""
    cursor.execute(
        "SELECT t.PROCESSLIST_ID FROM performance_schema.data_lock_waits w"
        " JOIN performance_schema.threads t ON t.THREAD_ID = w.REQUESTING_THREAD_ID"
    )
    for (session,) in cursor.fetchall():
        # It may have ended meanwhile.
        with suppress(pymysql.err.OperationalError):
            cursor.execute(f"KILL {session}")
