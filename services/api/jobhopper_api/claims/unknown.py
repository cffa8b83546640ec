"""Claims whose commit was not answered: what came of them is read back, now or later."""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_api.writes.path import WritePath
from jobhopper_core.errors import UnavailableError
from jobhopper_core.model.writes import Release
from jobhopper_core.store.claim import Pick, bearing

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
# By then a commit that was under way has ended one way or the other.
_OVER_SECONDS = 10.0
# So many at once, so that an outage does not fill the memory; the others wait for their lease.
_MOST = 1_000


class UnknownClaims:
    """Finds out; what was won and reached nobody is released."""

    def __init__(self, store: Store, writes: WritePath) -> None:
        self._store = store
        self._writes = writes
        self._tasks: set[asyncio.Task[None]] = set()

    async def won(self, picks: Sequence[Pick]) -> set[str]:
        """The ids of those of `picks` that were won.

        Raises UnavailableError when nobody can tell now; whatever was won is then released as
        soon as that is known, instead of waiting for the end of its lease.
        """
        try:
            return await self._store.read(partial(bearing, picks=picks))
        except UnavailableError:
            if len(self._tasks) < _MOST:
                task = asyncio.create_task(self._release(picks))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            raise

    async def _release(self, picks: Sequence[Pick]) -> None:
        over = time.monotonic() + _OVER_SECONDS
        while True:
            await asyncio.sleep(_AGAIN_SECONDS)
            try:
                won = await self._store.read(partial(bearing, picks=picks))
                now = self._store.now()
                jobs = [pick.job for pick in picks if pick.job.id in won]
                if jobs:
                    _log.info("claim_undelivered", extra={"jobs": len(jobs)})
                    releases = [Release(j.id, now, j.claim_id, j.attempt) for j in jobs]
                    await self._writes.update(releases)
            except UnavailableError:
                continue
            if time.monotonic() > over:
                return
