"""Jobs per second from create to succeeded: created in 100s, claimed and updated in 50s."""

import asyncio
import time

import msgspec

from bench import load
from bench.connection import Connection, Target, connect

JOBS, CREATE, CLAIM = 20_000, 100, 50
PRODUCERS, WORKERS = 2, 4


async def end_to_end(target: Target) -> float:
    """Jobs per second while producers and workers run side by side."""
    connections = await connect(target, PRODUCERS + WORKERS)
    producers, workers = connections[:PRODUCERS], connections[PRODUCERS:]
    left = [JOBS]
    began = time.perf_counter()
    working = [asyncio.create_task(_work(one, left)) for one in workers]
    await asyncio.gather(*[_produce(one, JOBS // CREATE // PRODUCERS) for one in producers])
    # The first to end finds that all have been updated.
    await next(asyncio.as_completed(working))
    await _settled(connections[0])
    seconds = time.perf_counter() - began
    # Those who wait in vain for one more job are no part of it.
    await asyncio.gather(*working)
    return JOBS / seconds


async def create(target: Target) -> float:
    """Creates per second, in 100s."""
    producers = await connect(target, PRODUCERS)
    began = time.perf_counter()
    await asyncio.gather(*[_produce(one, JOBS // CREATE // PRODUCERS) for one in producers])
    return JOBS / (time.perf_counter() - began)


async def _settled(connection: Connection) -> None:
    """Returns once the database has the end of every job."""
    while True:
        queue = msgspec.json.decode(await connection.call("GET", "/v1/queues/bench"))
        if queue["depth"]["succeeded"] == JOBS:
            return
        await asyncio.sleep(0.01)


async def _produce(connection: Connection, calls: int) -> None:
    body = load.batch(CREATE)
    for _ in range(calls):
        await connection.call("POST", "/v1/jobs", body)


async def _work(connection: Connection, left: list[int]) -> None:
    body = load.claim(CLAIM, wait=0.2)
    while left[0] > 0:
        jobs = msgspec.json.decode(await connection.call("POST", "/v1/claims", body))["jobs"]
        if jobs:
            await connection.call("POST", "/v1/updates", load.finished(jobs))
            left[0] -= len(jobs)
