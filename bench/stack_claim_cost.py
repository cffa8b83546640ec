"""What a claim of 50 over HTTP costs: few jobs, many jobs, many drained under an open snapshot."""

import asyncio
import statistics
import time
from typing import NamedTuple

import msgspec
import pymysql
import uvloop

from bench import load, rows
from bench.connection import Connection, Target, connect
from bench.server import stack
from jobhopper_core.model.states import Status
from jobhopper_core.store.mysql import connection_options
from stack.services import Stores

SMALL, LARGE, DRAINED = 20_000, 2_000_000, 200_000
_CLAIMS, _SIZE, _MOST, _CONNECTIONS = 200, 50, 100, 4
# Until a refill has seen what was put in past the services.
_SEEN_SECONDS = 8


class Costs(NamedTuple):
    """Median times in ms."""

    small: float
    large: float
    drained: float


def claim_costs(stores: Stores, runs: int) -> list[Costs]:
    """The costs of `runs` runs; `small` is measured before and after the others of each."""
    small, costs = [_small(stores)], []
    for _ in range(runs):
        large, drained = _large(stores)
        small.append(_small(stores))
        costs.append(Costs(statistics.mean(small[-2:]), large, drained))
    return costs


def _large(stores: Stores) -> tuple[float, float]:
    with stack(stores) as target:
        _fill(stores, LARGE)
        large = uvloop.run(_claims(target))
        with pymysql.connect(**connection_options(stores.mysql)) as dump:
            _open_snapshot(dump)
            uvloop.run(_drain(target))
            return large, uvloop.run(_claims(target))


def _small(stores: Stores) -> float:
    with stack(stores) as target:
        _fill(stores, SMALL)
        return uvloop.run(_claims(target))


def _fill(stores: Stores, jobs: int) -> None:
    rows.add(stores.mysql, "bench", jobs, Status.QUEUED)
    time.sleep(_SEEN_SECONDS)


def _open_snapshot(connection: "pymysql.Connection[object]") -> None:
    """As a dump's: what others delete from now on stays in the indexes for it."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute("SELECT COUNT(*) FROM queues")


async def _claims(target: Target) -> float:
    """The median time of a claim, in ms."""
    (connection,) = await connect(target, 1)
    times = []
    for _ in range(_CLAIMS):
        began = time.perf_counter()
        await _claim(connection, _SIZE)
        times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return statistics.median(times)


async def _drain(target: Target) -> None:
    connections = await connect(target, _CONNECTIONS)
    await asyncio.gather(*[_drain_by(one, DRAINED // _CONNECTIONS) for one in connections])


async def _drain_by(connection: Connection, jobs: int) -> None:
    while jobs > 0:
        jobs -= await _claim(connection, _MOST)
    connection.close()


async def _claim(connection: Connection, size: int) -> int:
    # A hopper that runs low gives what it has: fewer than asked for, but never none.
    answer = await connection.call("POST", "/v1/claims", load.claim(size))
    claimed = len(msgspec.json.decode(answer)["jobs"])
    if claimed == 0:
        raise RuntimeError("a claim got nothing although jobs are waiting")
    return claimed
