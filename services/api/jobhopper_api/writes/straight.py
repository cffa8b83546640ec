"""The straight path: writes go to the database and are answered with their outcome.

What comes together while one transaction is under way goes into the next one, so that the
statements are set-based when there is much to do. Each call's writes are all applied or none.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from jobhopper_api.announcer import Announcer
from jobhopper_api.bridge import Store
from jobhopper_core.errors import StoreDataError, UnavailableError
from jobhopper_core.model.writes import Outcome, Write
from jobhopper_core.store.apply import Applied, apply

_BATCH_WRITES = 2_000
_PENDING_WRITES = 50_000


@dataclass(slots=True)
class _Group:
    """The writes of one call."""

    writes: Sequence[Write]
    answer: asyncio.Future[list[Outcome]]


class StraightPath:
    """Applies writes in transactions of many calls; `chance` (in [0, 1)) is for jitter."""

    def __init__(
        self, store: Store, announcer: Announcer, shards: int, chance: Callable[[], float]
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._chance = chance
        self._shards = shards
        self._pending: deque[_Group] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Applies `writes` together; their outcomes, in order, once they are durable.

        Raises UnavailableError, or StoreDataError when the database refuses a value.
        """
        if self._size > _PENDING_WRITES:
            raise UnavailableError("Too many writes are waiting for the database; try again.")
        group = _Group(writes, asyncio.get_running_loop().create_future())
        self._pending.append(group)
        self._size += len(writes)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await group.answer

    async def _drain(self) -> None:
        try:
            while self._pending:
                await self._settle(self._next_batch())
        finally:
            self._task = None

    def _next_batch(self) -> list[_Group]:
        batch: list[_Group] = []
        size = 0
        while self._pending and (not batch or size + len(self._pending[0].writes) <= _BATCH_WRITES):
            group = self._pending.popleft()
            self._size -= len(group.writes)
            # A call that gave up before its turn (its deadline passed) leaves no trace.
            if not group.answer.done():
                batch.append(group)
                size += len(group.writes)
        return batch

    async def _settle(self, batch: Sequence[_Group]) -> None:
        if not batch:
            return
        writes = [write for group in batch for write in group.writes]
        at_ms = await self._announcer.before()
        try:
            applied = await self._store.write(
                partial(apply, writes=writes, chance=self._chance, shards=self._shards)
            )
        except StoreDataError as error:
            await self._halve(batch, error)
        except Exception as error:  # noqa: BLE001 - whoever waits must be answered
            _refuse(batch, error)
        else:
            _answer(batch, applied)
            await self._announcer.announce(applied.effects, at_ms)

    async def _halve(self, batch: Sequence[_Group], error: StoreDataError) -> None:
        # One call's bad value must not spoil the others: halve until it stands alone.
        if len(batch) == 1:
            _refuse(batch, error)
            return
        middle = len(batch) // 2
        await self._settle(batch[:middle])
        await self._settle(batch[middle:])


def _answer(batch: Sequence[_Group], applied: Applied) -> None:
    start = 0
    for group in batch:
        end = start + len(group.writes)
        if not group.answer.done():
            group.answer.set_result(applied.outcomes[start:end])
        start = end


def _refuse(batch: Sequence[_Group], error: Exception) -> None:
    for group in batch:
        if not group.answer.done():
            group.answer.set_exception(error)
