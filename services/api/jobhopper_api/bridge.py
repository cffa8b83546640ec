"""The event loop's way to the database, whose work runs on threads."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from jobhopper_core.errors import UnavailableError
from jobhopper_core.store.database import Database
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")
# Writes waiting for their turn; beyond it new ones are refused instead of waiting in memory.
_BACKLOG_MAX = 10_000


class Store:
    """The database, awaited. A cancelled call that has not begun leaves no trace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> int:
        """The database's time as known here, in µs since 1970."""
        return self._database.clock()

    async def ping(self) -> None:
        """Returns when the database answers, through the lane that commits."""
        await self.write(_ping)

    async def write(self, verb: Callable[[Transaction], T]) -> T:
        """What `verb` returns, once it is committed."""
        if self._database.backlog() > _BACKLOG_MAX:
            raise UnavailableError("Too many calls are waiting for the database; try again.")
        return await asyncio.wrap_future(self._database.write(verb))

    async def read(self, verb: Callable[[Transaction], T]) -> T:
        """What `verb` finds in what is committed."""
        return await asyncio.wrap_future(self._database.read(verb))


def _ping(tx: Transaction) -> None:
    tx.read("SELECT 1")
