"""The hopper filled from MySQL: nothing is left out, and the order is MySQL's own."""

import random
from functools import partial

import pytest
import redis

from jobhopper_core.errors import UnavailableError
from jobhopper_core.flows.refill import Refill
from jobhopper_core.hopper.commands import CAPACITY, HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.store import queues
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.refill import next_ready

from .hopper import QUEUE
from .mill import Mill

HOUR = 3_600_000_000


def test_a_cold_hopper_is_filled_in_mysqls_order(mill: Mill) -> None:
    now = mill.database.clock()
    for _ in range(30):
        run_at = now - random.choice([0, 1_000, HOUR])
        mill.create(2, tell=False, priority=random.randrange(10), run_at=run_at)
    assert mill.hopper.take(1).state == "cold"
    assert mill.refill.run(QUEUE, from_start=False) == 60
    assert [job.id for job in mill.hopper.take(100).jobs] == mill.in_order()


def test_a_paused_queue_stays_paused_when_redis_has_lost_all(mill: Mill) -> None:
    mill.create(3)
    mill.write(partial(queues.change, name=QUEUE, values={"paused": True}))
    mill.hopper.raw.flushall()
    assert mill.refill.run(QUEUE, from_start=True) == 3
    assert mill.hopper.take(1).state == "paused"


def test_refills_go_on_from_the_horizon_to_the_end(mill: Mill) -> None:
    mill.create_many(2)
    mill.create_many(1, first=2, priority=7)
    mill.create(30, tell=False, priority=9)
    order = mill.in_order()
    assert mill.refill.run(QUEUE, from_start=True) == CAPACITY
    assert mill.drain(300, low_water=250) == order
    assert mill.in_order() == []


def test_ties_in_time_are_not_skipped_at_the_horizon(mill: Mill) -> None:
    same = mill.database.clock()
    mill.create(40, tell=False, run_at=same)
    order = mill.in_order()
    small = Refill(mill.database, mill.link, capacity=7)
    small.run(QUEUE, from_start=True)
    found = []
    while taken := mill.hopper.take(7).jobs:
        found += [job.id for job in mill.claim(taken)]
        small.run(QUEUE, from_start=False)
    assert found == order


def test_offers_lost_by_the_thousand_are_found_by_one_read_from_the_start(mill: Mill) -> None:
    """The hopper believes that it holds all there is, and does not."""
    mill.refill.run(QUEUE, from_start=True)
    mill.create_many(3)
    order = mill.in_order()
    mill.refill.run(QUEUE, from_start=True)
    newest = mill.create(1)
    assert mill.drain(low_water=250) == order + newest


def test_a_refill_that_mysql_fails_is_called_off(mill: Mill) -> None:
    mill.create(3, tell=False)
    away = open_mysql("mysql://nobody:x@127.0.0.1:9/none", slot=0, threads=1)
    with pytest.raises(UnavailableError):
        Refill(away, mill.link).run(QUEUE, from_start=True)
    away.close()
    assert mill.refill.run(QUEUE, from_start=True) == 3


def test_two_refillers_do_not_get_into_each_others_way(mill: Mill) -> None:
    mill.create(3, tell=False)
    assert mill.hopper.begin("another") is not None
    assert mill.refill.run(QUEUE, from_start=True) is None
    mill.hopper.end(by="another")
    assert mill.refill.run(QUEUE, from_start=True) == 3


def test_a_read_ends_when_the_bodies_fill_the_hopper(mill: Mill) -> None:
    mill.create(300, tell=False, payload='"' + 998 * "x" + '"')

    def read(most_bytes: int) -> tuple[int, bool]:
        page = mill.database.read(
            lambda tx: next_ready(tx, QUEUE, 1_000, None, most_bytes)
        ).result()
        return len(page.jobs), page.complete

    assert read(20_000) == (20, False)
    assert read(10) == (1, False)
    assert read(260_000) == (260, False)
    assert read(1_000_000) == (300, True)


def test_a_hopper_of_large_jobs_is_not_filled_beyond_its_bytes(
    mill: Mill, link: HopperLink, raw: redis.Redis
) -> None:
    mill.create(60, tell=False, payload='"' + 998 * "x" + '"')
    order = mill.in_order()
    most = 20_000
    tight = HopperLink(_url(raw), HopperCommands(Names(), most_bytes=most))
    refill = Refill(mill.database, tight, most_bytes=most)
    refill.run(QUEUE, from_start=True)
    assert most * 0.7 < mill.hopper.contents().bytes <= most
    assert refill.run(QUEUE, from_start=False) == 0
    found = []
    while taken := mill.hopper.take(5).jobs:
        found += [job.id for job in mill.claim(taken)]
        refill.run(QUEUE, from_start=False)
        assert mill.hopper.contents().bytes <= most
    assert found == order
    tight.close()


def test_a_full_hopper_asks_mysql_for_nothing(mill: Mill) -> None:
    mill.create_many(2)
    mill.refill.run(QUEUE, from_start=True)
    before = mill.hopper.contents()
    assert mill.refill.run(QUEUE, from_start=False) == 0
    assert mill.hopper.contents() == before
    assert mill.refill.run(QUEUE, from_start=True) is not None


def test_what_is_committed_between_a_refills_begin_and_its_read_is_read_once(mill: Mill) -> None:
    mill.hopper.begin("r")
    (first,) = mill.create(1)
    mill.hopper.end(by="r")
    mill.refill.run(QUEUE, from_start=True)
    mill.hopper.check()
    assert [job.id for job in mill.hopper.take(5).jobs] == [first]


def _url(raw: redis.Redis) -> str:
    found = raw.connection_pool.connection_kwargs
    return f"redis://{found['host']}:{found['port']}/0"
