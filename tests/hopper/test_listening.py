"""Who listens to Redis can be told to end at any moment, whatever it is about to do."""

import asyncio

import pytest

from jobhopper_api.http.ending import end
from jobhopper_api.hub import Hub
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.hopper.names import Names

_STEPS = 60


@pytest.mark.parametrize("steps", range(_STEPS))
def test_it_ends_wherever_it_is_told_to(valkey_url: str, steps: int) -> None:
    async def run() -> None:
        side = RedisSide(valkey_url, Names(), Hub())
        task = asyncio.create_task(side.listen())
        for _ in range(steps):
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(3):
                await end([task])
        finally:
            await side.close()
        assert task.cancelled()

    asyncio.run(run())
