"""Hands the jobs of one queue to those who wait for them, first come first served.

One dispatcher per (process, queue) asks the database for the sum of what its waiters want, so
a thousand idle workers cost one query at a time. It asks when work is announced, and every
second or two in case an announcement was lost.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from jobhopper_api.claims.waiter import Waiter
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.limits import CLAIM_MAX
from jobhopper_core.store.claim import Handout

Take = Callable[[str, Sequence[Demand]], Awaitable[Handout]]
GiveBack = Callable[[Sequence[ClaimedJob]], Awaitable[None]]
_ASK_AGAIN_MS = (1_000, 2_000)


class Dispatcher:
    """Serves the waiters of one queue for as long as there are any."""

    def __init__(
        self, queue: str, take: Take, give_back: GiveBack, on_idle: Callable[[str], None]
    ) -> None:
        self._queue = queue
        self._take = take
        self._give_back = give_back
        self._on_idle = on_idle
        self._waiters: deque[Waiter] = deque()
        self._wake = asyncio.Event()
        self._work = False
        self.task: asyncio.Task[None] | None = None

    def add(self, waiter: Waiter, *, ask: bool) -> None:
        """Takes in a waiter; with `ask` the database is asked for it at once."""
        self._waiters.append(waiter)
        self._work = self._work or ask
        self._wake.set()
        if self.task is None:
            self.task = asyncio.create_task(self._run())

    def announce(self) -> None:
        """Says that the queue may have work."""
        self._work = True
        self._wake.set()

    async def _run(self) -> None:
        try:
            while self._tidy():
                if not (self._work and await self._turn()):
                    await self._rest()
        finally:
            self.task = None
            self._on_idle(self._queue)

    def _tidy(self) -> bool:
        if any(w.answer.done() for w in self._waiters):
            self._waiters = deque(w for w in self._waiters if not w.answer.done())
        return bool(self._waiters)

    async def _rest(self) -> None:
        self._wake.clear()
        low, high = _ASK_AGAIN_MS
        try:
            async with asyncio.timeout((low + secrets.randbelow(high - low)) / 1000):
                await self._wake.wait()
        except TimeoutError:
            self._work = True

    async def _turn(self) -> bool:
        """Asks the database once; True when it is worth asking again at once."""
        batch, beyond = self._next_batch()
        if not batch:
            return False
        handout = await self._ask(batch)
        if handout is None:
            self._work = self._work or bool(beyond)
            return bool(beyond)
        orphans = [
            job
            for waiter, jobs in zip(batch, handout.jobs, strict=True)
            if not waiter.settle(jobs)
            for job in jobs
        ]
        if orphans:
            await self._give_back(orphans)
        if handout.left or _satisfied(batch, handout):
            self._work = self._work or handout.left or bool(beyond)
        else:
            # What was asked for others is all there was.
            for waiter in beyond:
                waiter.do_without()
        return True

    async def _ask(self, batch: Sequence[Waiter]) -> Handout | None:
        try:
            return await self._take(self._queue, [waiter.demand for waiter in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits must be answered
            for waiter in batch:
                waiter.busy = False
                if not waiter.answer.done():
                    waiter.answer.set_exception(error)
            return None

    def _next_batch(self) -> tuple[list[Waiter], list[Waiter]]:
        """Those to ask for now, and those who are beyond what may be asked for at once."""
        batch: list[Waiter] = []
        beyond: list[Waiter] = []
        size, self._work = 0, False
        for waiter in self._waiters:
            if waiter.busy:
                waiter.passed_over.add(self.announce)
            elif size + waiter.demand.jobs > CLAIM_MAX:
                beyond.append(waiter)
            elif not waiter.answer.done():
                batch.append(waiter)
                size += waiter.demand.jobs
        for waiter in batch:
            waiter.busy = True
        return batch, beyond


def _satisfied(batch: Sequence[Waiter], handout: Handout) -> bool:
    """Whether everyone got all that was asked for."""
    return sum(map(len, handout.jobs)) == sum(waiter.demand.jobs for waiter in batch)
