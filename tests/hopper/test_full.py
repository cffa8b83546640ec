"""A Redis without room: it goes on giving out what it holds, and nothing goes out of turn."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from api.caller import wait_until

from jobhopper_api.hub import Hub
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.breaker import State
from jobhopper_core.errors import StoreFullError
from jobhopper_core.hopper.names import Names

from .hopper import QUEUE, Hopper, id_of, job, numbers, taken_numbers
from .mill import Mill


@contextmanager
def full(raw: redis.Redis) -> Iterator[None]:
    """Inside the block there is no room for anything."""
    before = raw.config_get("maxmemory")["maxmemory"]
    raw.config_set("maxmemory", 1)
    try:
        yield
    finally:
        raw.config_set("maxmemory", before)


def test_it_still_gives_out_what_it_holds(hopper: Hopper) -> None:
    hopper.refill(*map(job, range(9)))
    with full(hopper.raw):
        assert taken_numbers(hopper.take(2)) == [0, 1]
        assert hopper.forget(id_of(2)) == 1
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            hopper.raw.set("any", 1)
    hopper.check()


def test_what_it_refused_goes_before_what_came_later(mill: Mill) -> None:
    first = mill.create(3)
    mill.refill.run(QUEUE, from_start=True)
    with full(mill.hopper.raw):
        refused = mill.create(3)
    later = mill.create(3)
    assert mill.hopper.ids() == first
    taken = mill.hopper.take(9, 1)
    assert (taken.state, taken.refill_due) == ("dry", True)
    assert [one.id for one in mill.claim(taken.jobs)] == first
    mill.refill.run(QUEUE, from_start=False)
    assert mill.drain() == refused + later


def test_a_job_of_high_priority_that_it_refused_lets_go_all_behind_it(hopper: Hopper) -> None:
    hopper.refill(job(1, 2), job(2, 5))
    assert hopper.refuse(job(3, 4), job(4, 9)) == 1
    assert numbers(hopper.ids()) == [1]
    assert hopper.offer(job(5, 7)) == 0
    assert taken_numbers(hopper.take(9)) == [1]
    hopper.check()


def test_what_it_refused_during_a_refill_lies_behind_the_horizon_of_that(hopper: Hopper) -> None:
    hopper.refill(job(1))
    hopper.begin()
    hopper.refuse(job(2))
    assert hopper.offer(job(3)) == 1
    hopper.end(job(1), complete=True)
    assert taken_numbers(hopper.take(9)) == [1]


def test_a_refusal_wakes_who_waits(hopper: Hopper) -> None:
    pubsub = hopper.raw.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(hopper.keys[6])
    pubsub.get_message(timeout=1)
    with full(hopper.raw):
        hopper.refuse(job(1))
    assert pubsub.get_message(timeout=1) is not None
    pubsub.close()


def test_a_refill_can_be_called_off(mill: Mill) -> None:
    mill.create(3)
    mill.refill.run(QUEUE, from_start=True)
    with full(mill.hopper.raw):
        mill.create(1)
        mill.refill.run(QUEUE, from_start=False)
        assert mill.hopper.begin() is not None


def test_a_queue_that_finds_no_room_is_left_alone_for_a_moment(mill: Mill) -> None:
    mill.create(3)
    with full(mill.hopper.raw):
        assert mill.refill.run(QUEUE, from_start=True) == 0
        assert mill.refill.run(QUEUE, from_start=True) is None
    assert mill.refill.run(QUEUE, from_start=True) is None
    wait_until(lambda: mill.refill.run(QUEUE, from_start=True) == 3, 3)


@pytest.fixture
def side(valkey_url: str) -> RedisSide:
    return RedisSide(valkey_url, Names(), Hub())


def test_an_api_does_not_take_it_for_away(side: RedisSide, hopper: Hopper) -> None:
    async def asked() -> None:
        with full(hopper.raw), pytest.raises(StoreFullError):
            await side.run(("SET", "any", 1))
        assert side.breaker.state is State.CLOSED
        await side.close()

    asyncio.run(asked())


def test_what_an_api_could_not_give_back_goes_before_what_came_later(
    side: RedisSide, hopper: Hopper
) -> None:
    hopper.refill(*map(job, range(4)))

    async def given_back() -> None:
        taken = hopper.take(2)
        with full(hopper.raw):
            await side.give_back(QUEUE, taken.jobs)
        await side.close()

    asyncio.run(given_back())
    assert hopper.offer(job(9)) == 0
    assert hopper.take(9).state == "dry"
    hopper.refill(*map(job, range(4)), job(9))
    assert taken_numbers(hopper.take(9)) == [0, 1, 2, 3, 9]
