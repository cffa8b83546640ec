"""Connections that have rested in a pool for so long that the server may have ended them."""

import time

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

_SINCE = "rests_since"


def replace_rested(engine: Engine, seconds: float) -> None:
    """From now on `engine` replaces a connection that has rested for `seconds` before it is used.

    SQLAlchemy's `pool_recycle` goes by age, and would replace those that are at work as well.
    """

    def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_SINCE] = time.monotonic()

    def checkout(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        since = record.info.get(_SINCE)
        if since is not None and time.monotonic() - since > seconds:
            # SQLAlchemy's way to say it: the pool goes on with a new one.
            raise DisconnectionError

    event.listen(engine, "checkin", checkin)
    event.listen(engine, "checkout", checkout)
