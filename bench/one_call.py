"""One call a job: creates per second, and jobs claimed and updated per second."""

import asyncio
import time

import msgspec

from bench import load
from bench.connection import Connection, Target, connect

JOBS, WORKERS = 8_000, 16


async def create(target: Target) -> float:
    """Creates per second, a job a call, on 16 connections."""
    connections = await connect(target, WORKERS)
    began = time.perf_counter()
    await asyncio.gather(*[_create(one, JOBS // WORKERS) for one in connections])
    return JOBS / (time.perf_counter() - began)


async def claim_and_update(target: Target) -> float:
    """Jobs per second that 16 workers claim one by one and update one by one."""
    connections = await connect(target, WORKERS)
    for _ in range(JOBS // 1_000):
        # A worker that came before the first of them would stop for want of work.
        await connections[0].call("POST", "/v1/jobs?wait=persisted&timeout=10", load.batch(1_000))
    began = time.perf_counter()
    done = await asyncio.gather(*[_work(one) for one in connections])
    return sum(done) / (time.perf_counter() - began)


async def _create(connection: Connection, calls: int) -> None:
    for _ in range(calls):
        await connection.call("POST", "/v1/jobs", load.ONE)


async def _work(connection: Connection) -> int:
    done = 0
    body = load.claim(1)
    while jobs := msgspec.json.decode(await connection.call("POST", "/v1/claims", body))["jobs"]:
        update = {"lease": jobs[0]["lease"]["token"], "status": "succeeded", "result": {"ok": True}}
        path = f"/v1/jobs/{jobs[0]['id']}"
        await connection.call("PATCH", path, msgspec.json.encode(update))
        done += 1
    return done
