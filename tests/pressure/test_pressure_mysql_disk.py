"""MySQL on a disk that is full: commits hang or are refused, and reads go on."""

import time
from collections.abc import Iterator

import pytest
from api.caller import Api, wait_until

from stack.containers.container import Container
from stack.containers.kinds import MYSQL
from stack.emptying import empty
from stack.services import Services, Stores

from .memory import Memory, tell
from .steps import (
    await_hopper,
    claim,
    create,
    created,
    dead_letters,
    is_well,
    phase,
    said,
    soon,
    succeed,
    work_off,
)

_DISK_MB = 400
_DATA = "/var/lib/mysql"
_FILLER = f"{_DATA}/filler"
# Together they must not fill the disk again, which writes each of them thrice.
_PAYLOAD = "x" * 5_000
# The server itself looks once a minute whether there is room again for its log.
_NOTICED, _BACK = 12, 75


@pytest.fixture(scope="module")
def small() -> Iterator[Container]:
    """A server whose data lie on a disk of their own, and a small one."""
    disk = f"type=tmpfs,destination={_DATA},tmpfs-size={_DISK_MB}m,tmpfs-mode=1777"
    sizes = ("--innodb-redo-log-capacity=16M", "--innodb-buffer-pool-size=64M")
    made = Container(MYSQL, *sizes, options=("--mount", disk))
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def services(small: Container, rabbitmq: Container, valkey: Container) -> Iterator[Services]:
    own = Stores(small.url, rabbitmq.url, valkey.url)
    empty(own)
    with Services(own) as running:
        yield running


def fill(mysql: Container) -> None:
    """Takes all the room there is."""
    mysql.execute("sh", "-c", f"cat /dev/zero > {_FILLER} 2>/dev/null || true")


def make_room(mysql: Container) -> None:
    mysql.execute("rm", _FILLER)


def test_what_was_accepted_on_a_full_disk_is_applied_when_there_is_room(
    api: Api, services: Services, small: Container, rabbitmq: Container, memory: Memory
) -> None:
    ids = created(create(api, "disk", 30))
    await_hopper(services.stores, "disk", 30)
    (before,) = claim(api, "disk").json["jobs"]
    fill(small)
    try:
        began, told = time.monotonic(), []
        while phase(api) != "down" and time.monotonic() < began + _NOTICED:
            reply = create(api, "disk", 5, _PAYLOAD)
            assert said(reply) == (202, "rabbitmq")
            ids += created(reply)
            told.append(said(claim(api, "elsewhere")))
            time.sleep(0.05)
        tell(f"noticed after {time.monotonic() - began:.1f} s")
        assert set(told) <= {(200, ""), (503, "unavailable"), (503, "outcome_unknown")}
        assert said(succeed(api, before)) == (202, "rabbitmq")
        jobs = claim(api, "disk", 10).json["jobs"]
        assert [job["id"] for job in jobs] == ids[1:11]
        for job in jobs:
            assert job["provisional"]
            assert said(succeed(api, job)) == (202, "rabbitmq")
        assert said(soon(api, "PATCH", f"/v1/jobs/{ids[25]}", {"priority": 5}))[0] == 503
        # Long enough for the consumer to have tried in vain several times.
        time.sleep(15)
        ids += created(create(api, "disk"))
        memory.check(40, "MySQL's disk full")
    finally:
        make_room(small)
    began = time.monotonic()
    wait_until(lambda: is_well(api), _BACK)
    tell(f"well after {time.monotonic() - began:.1f} s")
    work_off(api, "disk", set(ids) - {before["id"]} - {job["id"] for job in jobs}, 60)
    wait_until(lambda: api.get("/v1/queues/disk").json["depth"]["succeeded"] == len(ids))
    assert dead_letters(rabbitmq) == 0
