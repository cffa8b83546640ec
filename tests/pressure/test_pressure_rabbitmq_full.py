"""A queue of RabbitMQ at its length limit: what it refuses goes straight to MySQL."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from api.caller import Api, wait_until

from stack.containers.container import Container
from stack.services import Services

from .memory import Memory
from .steps import claim, create, created, dead_letters, said, succeed, work_off

_LENGTH = 10
_PAYLOAD = "x" * 20_000


@contextmanager
def limited(rabbitmq: Container) -> Iterator[None]:
    """Inside the block each queue of writes refuses what goes beyond its length."""
    policy = ("--quiet", "set_policy", "--apply-to", "queues", "full", r"^jobhopper\.(c|u)")
    limits = f'{{"max-length": {_LENGTH}, "overflow": "reject-publish"}}'
    rabbitmq.execute("rabbitmqctl", *policy, limits)
    try:
        yield
    finally:
        rabbitmq.execute("rabbitmqctl", "--quiet", "clear_policy", "full")


@contextmanager
def frozen(services: Services) -> Iterator[None]:
    """Inside the block nobody takes anything out."""
    services.consumers[0].send(signal.SIGSTOP)
    try:
        yield
    finally:
        services.consumers[0].send(signal.SIGCONT)


def test_creates_and_updates_go_straight_and_back_again(
    api: Api, services: Services, rabbitmq: Container, memory: Memory
) -> None:
    ids = set(created(create(api, "full", 40)))
    wait_until(lambda: len(api.get("/v1/queues/full/top?n=50").json["jobs"]) == 40)
    jobs = claim(api, "full", 40).json["jobs"]
    assert {job["id"] for job in jobs} == ids
    more: set[str] = set()
    with limited(rabbitmq), frozen(services):
        ways = []
        for _ in range(400):
            reply = create(api, "full", payload=_PAYLOAD)
            more |= set(created(reply))
            ways.append(said(reply))
        # First those that fit, then, shard by shard, those that do not.
        assert set(ways) == {(202, "rabbitmq"), (201, "mysql")}
        assert set(ways[-50:]) == {(201, "mysql")}
        # What is refused says so at once: nobody waits for a confirm that does not come, and
        # the breaker of a broker that answers stays closed.
        assert api.get("/readyz").json["stores"]["rabbitmq"] == "up"
        told = [said(succeed(api, job, "done")) for job in jobs]
        # Ticks fill the queues of updates as well.
        assert set(told) <= {(202, "rabbitmq"), (200, "mysql")}
        assert said(succeed(api, jobs[-1], "done"))[0] in {200, 202}
        # What went straight is handed out as ever.
        straight = claim(api, "full", 100).json["jobs"]
        assert straight
        memory.check(40, "400 creates of 20 KB at a full queue")
    for job in straight:
        succeed(api, job)
    wait_until(lambda: said(create(api, "other")) == (202, "rabbitmq"))
    work_off(api, "full", more - {job["id"] for job in straight})
    wait_until(lambda: api.get("/v1/queues/full").json["depth"]["succeeded"] == 440)


def test_a_full_queue_of_updates_is_answered_with_the_outcome(
    api: Api, services: Services, rabbitmq: Container
) -> None:
    created(create(api, "beats", 4))
    wait_until(lambda: len(api.get("/v1/queues/beats/top").json["jobs"]) == 4)
    jobs = claim(api, "beats", 4).json["jobs"]
    with limited(rabbitmq), frozen(services):

        def beat(extend: int) -> set[tuple[int, str]]:
            body = [{"id": j["id"], "lease": j["lease"]["token"], "extend": extend} for j in jobs]
            answers = api.post("/v1/updates", {"updates": body}).json["updates"]
            return {(one["status"], one["receipt"]) for one in answers}

        wait_until(lambda: beat(100) == {(200, "mysql")})
        assert {said(succeed(api, job, 7)) for job in jobs} == {(200, "mysql")}
        assert (said(succeed(api, jobs[0], 8))) == (409, "not_running")
    wait_until(lambda: api.get("/v1/queues/beats").json["depth"]["succeeded"] == 4)
    assert api.get(f"/v1/jobs/{jobs[0]['id']}").json["result"] == 7


@pytest.fixture(autouse=True)
def nothing_dead(services: Services, rabbitmq: Container) -> Iterator[None]:
    yield
    assert dead_letters(rabbitmq) == 0
