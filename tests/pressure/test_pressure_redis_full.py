"""Redis at `maxmemory`: MySQL serves what the hopper can't take, until there is room."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from api.caller import Api, wait_until

from stack.services import Services, Stores

from .memory import Memory
from .steps import await_hopper, claim, create, created, is_well, said, soon, succeed, work_off

_MB = 1024 * 1024
_PAYLOAD = "x" * 100_000


@pytest.fixture
def client(stores: Stores) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(stores.redis, decode_responses=True) as one:
        yield one


@contextmanager
def full(client: "redis.Redis", room: int) -> Iterator[None]:
    """Inside the block Redis takes no more than `room` bytes beyond what it holds."""
    used = int(client.info("memory")["used_memory"])
    before = str(client.config_get("maxmemory")["maxmemory"])
    client.config_set("maxmemory", used + room)
    try:
        yield
    finally:
        client.config_set("maxmemory", before)


def refuses(client: "redis.Redis") -> bool:
    """Whether it is full."""
    try:
        client.set("pressure", "x")
    except redis.exceptions.OutOfMemoryError:
        return True
    return False


def held(client: "redis.Redis", ids: list[str]) -> bool:
    """Whether the hopper holds all of these, beside others perhaps that MySQL handed out."""
    return None not in client.zmscore("jh:{room}:ready", ids)


def all_there(api: Api, queue: str, number: int) -> bool:
    depth = api.get(f"/v1/queues/{queue}").json["depth"]
    return bool(depth["queued"] == number)


def test_jobs_are_created_claimed_and_done_while_it_takes_nothing(
    api: Api, client: "redis.Redis", memory: Memory
) -> None:
    with full(client, -_MB):
        assert refuses(client)
        ids = []
        for _ in range(20):
            reply = create(api, "nothing", 3)
            assert said(reply) == (202, "rabbitmq")
            ids += created(reply)
        wait_until(lambda: all_there(api, "nothing", 60))
        got = claim(api, "nothing", 20, wait=2)
        jobs = got.json["jobs"]
        # In their order: what Redis can't say, MySQL says.
        assert [job["id"] for job in jobs] == sorted(ids)[:20]
        assert not any(job["provisional"] for job in jobs)
        for job in jobs:
            assert said(succeed(api, job)) == (202, "rabbitmq")
        path = f"/v1/jobs/{sorted(ids)[30]}"
        assert soon(api, "PATCH", path, {"status": "cancelled"}).status == 200
        assert soon(api, "GET", "/v1/queues/nothing/top").status == 200
        rest = set(ids) - {job["id"] for job in jobs} - {sorted(ids)[30]}
        work_off(api, "nothing", rest)
        assert refuses(client)
        memory.check(30, "Redis full")
    wait_until(lambda: is_well(api))
    wait_until(lambda: not refuses(client))


def test_a_hopper_that_fills_it_goes_on_and_makes_room(
    api: Api, client: "redis.Redis", services: Services, memory: Memory
) -> None:
    ids = created(create(api, "room"))
    await_hopper(services.stores, "room", 1)
    with full(client, 4 * _MB):
        # 12 MB of payloads into 4 MB of room.
        for _ in range(12):
            ids += created(create(api, "room", 10, _PAYLOAD))
        wait_until(lambda: all_there(api, "room", 121))
        assert 0 < client.zcard("jh:{room}:ready") < 60
        handed = work_off(api, "room", set(ids))
        assert handed == sorted(ids)
        # What was taken out has left room.
        wait_until(lambda: not refuses(client), 5)
        later = created(create(api, "room", 5))
        wait_until(lambda: held(client, later), 10)
        work_off(api, "room", set(later))
        memory.check(60, "12 MB of payloads beyond Redis's room")
    assert services.refillers[0].alive


def test_who_waits_is_served_though_redis_can_tell_nobody(api: Api, client: "redis.Redis") -> None:
    with full(client, -_MB):
        (id_,) = created(create(api, "told"))
        (job,) = claim(api, "told", wait=5).json["jobs"]
        assert job["id"] == id_
        succeed(api, job)
