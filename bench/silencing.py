"""How long silencing a million jobs takes, and what it does to claims meanwhile."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from bench import load, rows
from bench.connection import Target, connect
from bench.server import stack
from jobhopper_core.model.states import Status
from stack.services import Stores

STALE, LIVE = 1_000_000, 60_000
_ALONE_SECONDS = 10
_QUEUES, _OLDEST_DAYS = 10, 60
_SETTLE_SECONDS = 20
_PRUNER = Path(sys.executable).parent / "jobhopper-pruner"


class Silencing(NamedTuple):
    """Seconds, and the p99 in ms of claims one by one: alone, and meanwhile."""

    seconds: float
    alone: float
    meanwhile: float


def silencing(stores: Stores) -> Silencing:
    """Runs the pruner beside a worker that claims."""
    with stack(stores) as target:
        for i in range(_QUEUES):
            rows.add(stores.mysql, f"old{i}", STALE // _QUEUES, Status.SUCCEEDED, _OLDEST_DAYS - i)
        rows.add(stores.mysql, "bench", LIVE, Status.QUEUED)
        # What was just written is on its way to the disk, which is no part of either.
        time.sleep(_SETTLE_SECONDS)
        alone = uvloop.run(_claims(target, lambda: False))
        with _pruner(stores) as pruner:
            began = time.perf_counter()
            meanwhile = uvloop.run(_claims(target, lambda: pruner.poll() is not None, 600))
            seconds = time.perf_counter() - began
        if pruner.returncode != 0:
            raise RuntimeError("the pruner failed")
        return Silencing(seconds, _p99(alone), _p99(meanwhile))


def _pruner(stores: Stores) -> "subprocess.Popen[bytes]":
    settings = {**os.environ, "JOBHOPPER_MYSQL_URL": stores.mysql, "JOBHOPPER_LOG_LEVEL": "warning"}
    return subprocess.Popen([_PRUNER, "silence"], env=settings, stdout=subprocess.DEVNULL)


async def _claims(
    target: Target, over: Callable[[], bool], seconds: float = _ALONE_SECONDS
) -> list[float]:
    """What claims of one job take, in ms, one after the other until it is over."""
    (connection,) = await connect(target, 1)
    times, until = [], time.perf_counter() + seconds
    while not over() and (began := time.perf_counter()) < until:
        answer = await connection.call("POST", "/v1/claims", load.claim(1))
        times.append((time.perf_counter() - began) * 1000)
        if not msgspec.json.decode(answer)["jobs"]:
            raise RuntimeError("the live jobs have run out")
    connection.close()
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]
