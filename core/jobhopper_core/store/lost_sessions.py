"""Sessions that MySQL still keeps for connections of ours that are lost: the next one ends them.

A server notices a cut cable late: by TCP's patience, when an answer of its own stays without
acknowledgement, or after `wait_timeout`. Until then a transaction that was under way holds its
locks, and whoever goes on with its work waits for them. A session is known by a name that it was
given as it began; where the server does not tell sessions by it (a MariaDB without
`performance_schema`, a pooler in between) they end by themselves.

Only who waits for our next word is ended. What still works comes to its own end: a COMMIT that
waits for a full disk must not be broken off (the server may end itself to keep its binlog whole),
nor a change of a table that takes long.
"""

from contextlib import suppress
from threading import Lock

import pymysql
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from jobhopper_core.store.session import Session

_FIND = (
    "SELECT p.id FROM performance_schema.session_account_connect_attrs a"
    " JOIN information_schema.processlist p ON p.id = a.processlist_id"
    " WHERE a.attr_name = 'program_name' AND a.attr_value IN %s AND p.command = 'Sleep'"
)


class LostSessions:
    """Those of one engine."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._lock = Lock()

    def watch(self, engine: Engine) -> None:
        """Notes from now on which connections of `engine` are lost."""
        event.listen(engine, "invalidate", self._note)

    def end(self, session: Session) -> Session:
        """Ends what was lost, by a session that was not; returns that."""
        with self._lock:
            names, self._names = self._names, set()
        if names:
            try:
                _kill(session, names)
            except pymysql.MySQLError:
                # Who can't ask lets them end by themselves; who was lost as well leaves it to the
                # next one.
                if not session.open:
                    self._add(names)
        return session

    def _note(self, session: Session, _record: object, reason: BaseException | None) -> None:
        # One that is replaced because it has rested holds nothing.
        if not isinstance(reason, DisconnectionError):
            self._add({session.name})

    def _add(self, names: set[str]) -> None:
        with self._lock:
            self._names |= names


def _kill(session: Session, names: set[str]) -> None:
    with session.cursor() as cursor:
        cursor.execute(_FIND, (tuple(names),))
        for (number,) in cursor.fetchall():
            # It may have ended since.
            with suppress(pymysql.OperationalError):
                cursor.execute("KILL %s", (number,))
