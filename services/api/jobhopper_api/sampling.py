"""Keeps some of the jobs that were accepted for the audit, which looks whether they are there."""

import asyncio
from collections import deque
from collections.abc import Iterable

from jobhopper_api.redis_side import RedisSide
from jobhopper_core.errors import UnavailableError
from jobhopper_core.hopper import audit

_TURN_SECONDS = 1.0
# Of one second's jobs, and of those that wait for Redis to come back.
_A_TURN, _WAITING_MAX = 20, 1_000


class Sampling:
    """Notes cheaply; tells Redis once a second."""

    def __init__(self, redis: RedisSide | None) -> None:
        self._redis = redis
        self._waiting: deque[str] = deque(maxlen=_WAITING_MAX)
        self._room = _A_TURN

    def note(self, job_ids: Iterable[str]) -> None:
        """Takes the first jobs of each second."""
        if self._room <= 0 or self._redis is None:
            return
        for id_ in job_ids:
            self._waiting.append(id_)
            self._room -= 1
            if self._room <= 0:
                return

    async def run(self) -> None:
        """Tells Redis until cancelled."""
        while self._redis is not None:
            await asyncio.sleep(_TURN_SECONDS)
            self._room = _A_TURN
            said = tuple(self._waiting)
            if not said:
                continue
            names = self._redis.names
            try:
                await self._redis.run(audit.sample(names, said), audit.trim(names))
            except UnavailableError:
                continue
            self._waiting.clear()
