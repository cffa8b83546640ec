"""A million jobs wait: the highest and oldest is next all the same, and no step grows slow."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis

from jobhopper_core.hopper.offer import offer

from .hopper import QUEUE
from .load import Load
from .mill import Mill

pytestmark = [pytest.mark.slow, pytest.mark.timed]
_log = logging.getLogger(__name__)

THOUSANDS = 1_000
_FIRST = (
    "SELECT LOWER(HEX(id)) FROM jobs WHERE ready_queue = ? ORDER BY priority, run_at, id LIMIT 100"
)


@pytest.fixture
def full(mill: Mill) -> Iterator[Mill]:
    began = time.monotonic()
    # Two at once: MySQL uses one processor for each.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(mill.create_many, 20), range(0, THOUSANDS, 20)))
    _log.info("a million jobs in %.0f s", time.monotonic() - began)
    yield mill
    # Rows one by one would keep the next test waiting.
    mill.write(lambda tx: tx.run("TRUNCATE TABLE jobs"))


def test_the_highest_and_oldest_is_next_with_a_million_behind_it(
    full: Mill, valkey_url: str, raw: redis.Redis
) -> None:
    oldest = [job_id for (job_id,) in full.read(_FIRST, QUEUE)]
    _cold_start_while_higher_ones_arrive(full)
    _newer_ones_wait_and_higher_ones_go_first(full, oldest)
    _deep_in_the_queue_a_refill_costs_the_same(full)
    _flushall_heals(full, valkey_url, raw)


def _cold_start_while_higher_ones_arrive(mill: Mill) -> None:
    """What arrives while the first refill reads must not keep it from ending."""
    stopping = threading.Event()
    made: list[str] = []

    def produce() -> None:
        while not stopping.is_set():
            made.extend(mill.create(20, priority=len(made) % 3))

    thread = threading.Thread(target=produce)
    thread.start()
    # Ten times twenty, of which four times twenty go first.
    while len(made) < 200:
        time.sleep(0.01)
    began = time.monotonic()
    mill.refill.run(QUEUE, from_start=False)
    _log.info("cold start in %.3f s", time.monotonic() - began)
    first = mill.hopper.take(50)
    stopping.set()
    thread.join()
    assert len(first.jobs) == 50
    assert {job.priority for job in first.jobs} == {0}
    mill.claim(first.jobs)


def _newer_ones_wait_and_higher_ones_go_first(mill: Mill, oldest: list[str]) -> None:
    while (taken := mill.hopper.take(1)).jobs[0].priority < 5:
        mill.claim(taken.jobs)
        mill.refill.run(QUEUE, from_start=False)
    mill.hopper.give_back(offer(taken.jobs[0]))
    newer = mill.create(500)
    higher = mill.create(20, priority=1) + mill.create(20, priority=4)
    highest = mill.create(5, priority=0)
    found = [job.id for job in mill.claim(mill.hopper.take(100).jobs)]
    assert found[:45] == highest + higher
    assert [id_.replace("-", "") for id_ in found[45:]] == oldest[:55]
    assert not set(newer) & set(found)


def _deep_in_the_queue_a_refill_costs_the_same(mill: Mill) -> None:
    last, refills = (-1, ""), []
    for _ in range(100):
        taken = mill.hopper.take(200, 250)
        assert len(taken.jobs) == 200
        assert last < (taken.jobs[0].run_at, taken.jobs[0].id)
        last = (taken.jobs[-1].run_at, taken.jobs[-1].id)
        assert len(mill.claim(taken.jobs)) == 200
        if taken.refill_due:
            began = time.monotonic()
            mill.refill.run(QUEUE, from_start=False)
            refills.append(time.monotonic() - began)
    began = time.monotonic()
    mill.refill.run(QUEUE, from_start=True)
    whole = time.monotonic() - began
    refills.sort()
    _log.info(
        "refill: median %.3f s, longest %.3f s; from the start %.3f s",
        refills[len(refills) // 2],
        refills[-1],
        whole,
    )
    assert refills[-1] < 1.0
    assert whole < 1.0


def _flushall_heals(mill: Mill, url: str, raw: redis.Redis) -> None:
    load = Load(mill, url)
    with load.running(to_the_end=False):
        time.sleep(1)
        flushed = time.monotonic()
        raw.flushall()
        time.sleep(2)
    _log.info("first job after FLUSHALL in %.3f s", load.healed_after(flushed))
    assert load.healed_after(flushed) < 1.0
    assert len(set(load.handed_out)) == len(load.handed_out)
