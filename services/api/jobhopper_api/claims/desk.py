"""Where claims come in: finds the dispatchers, waits as long as asked, gives back what is left."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack

from jobhopper_api.bridge import Store
from jobhopper_api.claims.dispatcher import Dispatcher, Take
from jobhopper_api.claims.waiter import Waiter
from jobhopper_api.hub import Hub
from jobhopper_api.writes.path import WritePath
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.writes import Release

Gone = Callable[[], Awaitable[None]]


class ClaimDesk:
    """Serves every claim of this process."""

    def __init__(self, store: Store, hub: Hub, writes: WritePath, take: Take) -> None:
        self._store = store
        self._take = take
        self._hub = hub
        self._writes = writes
        self._dispatchers: dict[str, Dispatcher] = {}
        self._waiting: set[Waiter] = set()
        self._closed = False
        self._undelivered: asyncio.Task[None] | None = None

    async def claim(
        self, queues: Sequence[str], demand: Demand, wait: float, gone: Gone
    ) -> list[ClaimedJob]:
        """Up to `demand.jobs` top picks, waiting up to `wait` seconds for the first.

        Fills from the first queue named, then the next. `gone` returns once the client has left;
        what it can't be given any more is released at once.
        """
        with ExitStack() as stack:
            # Listening begins before the first look, so that nothing falls between the two.
            heard = [self._listen(stack, queue) for queue in queues]
            jobs = await self._look(queues, demand)
            if jobs or wait <= 0 or self._closed:
                return jobs
            waiter = Waiter(demand, patient=True)
            stack.callback(self._waiting.discard, waiter)
            self._waiting.add(waiter)
            return await self._wait(waiter, queues, [flag.is_set() for flag in heard], wait, gone)

    async def give_back(self, jobs: Sequence[ClaimedJob]) -> None:
        """Releases jobs that could not be delivered; this counts as no failure."""
        now = self._store.now()
        await self._writes.update([Release(j.id, now, j.claim_id, j.attempt) for j in jobs])

    def close(self) -> None:
        """Answers everyone who waits, for a shutdown."""
        self._closed = True
        for waiter in tuple(self._waiting):
            waiter.expire()

    def waiting(self) -> int:
        """How many claims wait for work."""
        return len(self._waiting)

    async def _look(self, queues: Sequence[str], demand: Demand) -> list[ClaimedJob]:
        jobs: list[ClaimedJob] = []
        try:
            for queue in queues:
                rest = demand._replace(jobs=demand.jobs - len(jobs))
                jobs += await self._serve(Waiter(rest, patient=False), [queue], [True])
                if len(jobs) == demand.jobs:
                    break
        except BaseException:
            if jobs:
                self._undelivered = asyncio.create_task(self.give_back(jobs))
            raise
        return jobs

    def _listen(self, stack: ExitStack, queue: str) -> asyncio.Event:
        heard = asyncio.Event()

        def listener() -> None:
            heard.set()
            if queue in self._dispatchers:
                self._dispatchers[queue].announce()

        stack.enter_context(self._hub.on_ready(queue, listener))
        return heard

    async def _serve(
        self, waiter: Waiter, queues: Sequence[str], ask: Sequence[bool]
    ) -> list[ClaimedJob]:
        for queue, ask_now in zip(queues, ask, strict=True):
            self._dispatcher(queue).add(waiter, ask=ask_now)
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            waiter.answer.cancel()
            raise

    async def _wait(
        self,
        waiter: Waiter,
        queues: Sequence[str],
        ask: Sequence[bool],
        wait: float,
        gone: Gone,
    ) -> list[ClaimedJob]:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(wait, waiter.expire)
        leaving = asyncio.ensure_future(gone())
        leaving.add_done_callback(lambda _: waiter.answer.cancel())
        try:
            return await self._serve(waiter, queues, ask)
        except asyncio.CancelledError:
            if not leaving.done():
                raise
            return []
        finally:
            timer.cancel()
            leaving.cancel()

    def _dispatcher(self, queue: str) -> Dispatcher:
        found = self._dispatchers.get(queue)
        if found is None:
            found = self._dispatchers[queue] = Dispatcher(
                queue, self._take, self.give_back, self._drop_dispatcher
            )
        return found

    def _drop_dispatcher(self, queue: str) -> None:
        self._dispatchers.pop(queue, None)
