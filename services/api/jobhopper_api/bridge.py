"""The event loop's way to the database, whose work runs on threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from jobhopper_core.breaker import Breaker
from jobhopper_core.errors import OutcomeUnknownError, UnavailableError
from jobhopper_core.store.database import Database
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")
# Writes waiting for their turn; beyond it new ones are refused instead of waiting in memory.
_BACKLOG_MAX = 10_000


class Store:
    """The database, awaited. A cancelled call that has not begun leaves no trace."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.breaker = Breaker()
        # Set when a call failed: whoever probes should look at once.
        self.doubted = asyncio.Event()
        # Done when the database is given up; whoever waits for it then need not wait longer.
        self._given_up: asyncio.Future[None] | None = None

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
        return await self._run(self._database.write, verb)

    async def read(self, verb: Callable[[Transaction], T]) -> T:
        """What `verb` finds in what is committed."""
        return await self._run(self._database.read, verb)

    async def _run(
        self,
        run: Callable[[Callable[[Transaction], T]], Future[T]],
        verb: Callable[[Transaction], T],
    ) -> T:
        if not self.breaker.closed:
            raise UnavailableError("The database did not answer a moment ago.")
        call = run(verb)
        answer = asyncio.wrap_future(call)
        try:
            await asyncio.wait((answer, self._end()), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        if not answer.done():
            answer.add_done_callback(_hear)
            if call.cancel():
                raise UnavailableError("The database does not answer; try again.")
            raise OutcomeUnknownError("The database does not answer; try again.")
        try:
            return answer.result()
        except UnavailableError:
            self.doubted.set()
            raise

    def give_up(self) -> None:
        """The database does not answer: calls fail at once, and those under way need not wait."""
        self.breaker.failed()
        if self._given_up is not None:
            self._given_up.set_result(None)
            self._given_up = None

    def _end(self) -> asyncio.Future[None]:
        if self._given_up is None:
            self._given_up = asyncio.get_running_loop().create_future()
        return self._given_up


def _hear(answer: "asyncio.Future[T]") -> None:
    # Nobody is there to be told how it ended.
    if not answer.cancelled():
        answer.exception()


def _ping(tx: Transaction) -> None:
    tx.read("SELECT 1")
