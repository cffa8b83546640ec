"""Ends tasks that run until they are cancelled."""

import asyncio
from collections.abc import Iterable

_AGAIN_SECONDS = 0.2


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Returns when all of `tasks` have ended; how they did is not looked at.

    They are cancelled until they do: before Python 3.12 a cancellation is lost in
    `asyncio.wait_for`, by which redis-py sends, when it comes in the moment in which what was
    waited for is done (CPython's issue 86296).
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
        # Whoever does not ask is told of it by the loop.
        await asyncio.gather(*ended, return_exceptions=True)
