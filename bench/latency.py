"""How long from sending a create until a waiting worker holds the job, at 100 jobs a second."""

import asyncio
import time

import msgspec

from bench import load
from bench.connection import Connection, Target, connect

RATE, SECONDS, WORKERS = 100, 10, 4


async def latency(target: Target) -> list[float]:
    """The times in ms, sorted."""
    *workers, producer, second = await connect(target, WORKERS + 2)
    sent: list[float] = [0.0] * (RATE * SECONDS)
    got: list[float] = [0.0] * len(sent)
    working = [asyncio.create_task(_work(one, got)) for one in workers]
    # What a start brings with it is no part of it.
    await asyncio.sleep(2)
    # Two connections in turn: a slow answer must not delay the next create.
    await asyncio.gather(_produce(producer, sent, 0), _produce(second, sent, 1))
    await asyncio.sleep(0.5)
    for task in working:
        task.cancel()
    if not all(got):
        raise RuntimeError("a job was not handed out")
    return sorted((after - before) * 1000 for before, after in zip(sent, got, strict=True))


async def _produce(connection: Connection, sent: list[float], start: int) -> None:
    began = time.perf_counter()
    for i in range(start, len(sent), 2):
        await asyncio.sleep(max(0.0, began + i / RATE - time.perf_counter()))
        body = msgspec.json.encode({**load.JOB, "payload": {"n": i, "data": "x" * 180}})
        sent[i] = time.perf_counter()
        await connection.call("POST", "/v1/jobs", body)


async def _work(connection: Connection, got: list[float]) -> None:
    body = load.claim(1, wait=30)
    while True:
        answer = await connection.call("POST", "/v1/claims", body)
        now = time.perf_counter()
        jobs = msgspec.json.decode(answer)["jobs"]
        for job in jobs:
            got[job["payload"]["n"]] = now
        if jobs:
            await connection.call("POST", "/v1/updates", load.finished(jobs))
