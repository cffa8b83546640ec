"""A store is lost while everything runs, and what a user sees of it; frozen stores above all.

Each column of the table "One store down" by each fault of the network is in tests/faults.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest
import redis
from api.caller import Api, wait_until
from api.steps import depth
from stack_traffic import SOON, Traffic

from stack.containers.container import Container
from stack.services import Services, Stores

pytestmark = pytest.mark.timed
_NAMES = {"rabbitmq": "rabbitmq", "valkey": "redis", "mysql": "mysql"}
_numbers = count(1)
# From the loss on, answers change within this time; from the return on they are as ever.
_NOTICED, _BACK = 3.0, 5.0
_CONFIRM = 1.3
Stored = dict[str, Container]


@pytest.fixture(scope="module")
def containers(mysql: Container, rabbitmq: Container, valkey: Container) -> Stored:
    return {"mysql": mysql, "rabbitmq": rabbitmq, "valkey": valkey}


@pytest.fixture
def traffic(services: Services) -> Iterator[Traffic]:
    with Traffic(services, f"lost{next(_numbers)}") as running:
        wait_until(lambda: len(running.results) > 50)
        yield running


def lost(containers: Stored, names: str, how: str) -> ExitStack:
    """The stores `names` are gone within the block, and serve after it."""
    stack = ExitStack()
    for name in names.split("+"):
        one = containers[name]
        stack.enter_context(one.killed() if how == "killed" else one.paused())
    return stack


@pytest.mark.parametrize(
    ("names", "how"),
    [
        ("valkey", "killed"),
        pytest.param("rabbitmq", "frozen", marks=pytest.mark.slow),
        pytest.param("rabbitmq+valkey", "frozen", marks=pytest.mark.slow),
    ],
)
def test_the_service_goes_on_without(
    names: str, how: str, containers: Stored, traffic: Traffic, api: Api, services: Services
) -> None:
    down = [_NAMES[name] for name in names.split("+")]
    with lost(containers, names, how):
        began = time.monotonic()
        wait_until(lambda: down_stores(api) == set(down), _NOTICED + 1)
        check_told(api, down)
        check_operators(api, f"{traffic.queue}.ops", "mysql" if "rabbitmq" in down else "rabbitmq")
        time.sleep(max(0.0, began + 2 * _NOTICED - time.monotonic()))
        # What is under way when a frozen store goes on may yet be confirmed.
        ended = time.monotonic() - (_CONFIRM if how == "frozen" else 0)
    served = time.monotonic()
    way = (201, "mysql") if "rabbitmq" in down else (202, "rabbitmq")
    worked = (200, "mysql") if "rabbitmq" in down else (202, "rabbitmq")
    settled = began + _NOTICED
    assert traffic.said("create", settled, ended) == {way}
    assert traffic.said("update", settled, ended) == {worked}
    assert traffic.said("claim", began, ended) == {(200, "")}
    wait_until(lambda: down_stores(api) == set(), _BACK)
    time.sleep(max(0.0, served + _BACK - time.monotonic()) + 1)
    assert traffic.said("create", served + _BACK) == {(202, "rabbitmq")}
    traffic.await_all_done()
    traffic.check_once()
    traffic.check_soon()
    check_empty(services, traffic.queue)


@pytest.mark.slow
def test_no_request_hangs_while_mysql_is_frozen_and_all_comes_back(
    containers: Stored, traffic: Traffic, api: Api
) -> None:
    with lost(containers, "mysql", "frozen"):
        wait_until(lambda: down_stores_told(api) == {"mysql"}, _NOTICED + 3)
        time.sleep(5)
        began = time.monotonic()
        assert api.get("/v1/jobs").status == 503
        assert api.get("/readyz").json["stores"]["mysql"] == "down"
        assert time.monotonic() - began < SOON
    served = time.monotonic()
    wait_until(lambda: down_stores_told(api) == set(), _BACK)
    time.sleep(max(0.0, served + _BACK - time.monotonic()) + 1)
    assert traffic.said("create", served + _BACK) == {(202, "rabbitmq")}
    assert traffic.said("claim", served + _BACK) == {(200, "")}
    traffic.await_all_done()
    traffic.check_soon()


def test_waiting_claims_get_what_comes_while_redis_is_lost(
    containers: Stored, api: Api, services: Services
) -> None:
    queue = f"lost{next(_numbers)}"
    with Traffic(services, queue, producers=0, workers=3) as traffic:
        wait_until(lambda: len(traffic.calls) > 2)
        with containers["valkey"].killed():
            time.sleep(0.5)
            reply = api.post("/v1/jobs", {"queue": queue, "type": "t"})
            traffic.accepted.add(reply.json["id"])
            assert reply.status == 202
            began = time.monotonic()
            wait_until(lambda: bool(traffic.results), 5)
            assert time.monotonic() - began < SOON
        traffic.await_all_done()
        traffic.check_once()
        traffic.check_soon()


def test_flushall_loses_nothing(traffic: Traffic, stores: Stores, services: Services) -> None:
    with redis.Redis.from_url(stores.redis) as client:
        for _ in range(6):
            client.flushall()
            client.execute_command("FUNCTION", "FLUSH")
            time.sleep(0.4)
    flushed = time.monotonic()
    traffic.await_all_done()
    assert traffic.said("claim", flushed - 3) == {(200, "")}
    traffic.check_once()
    traffic.check_soon()
    check_empty(services, traffic.queue)


def test_an_emptied_hopper_is_full_again_within_a_second(
    api: Api, stores: Stores, services: Services
) -> None:
    queue = f"lost{next(_numbers)}"
    jobs = [{"queue": queue, "type": "t", "payload": i} for i in range(300)]
    reply = api.post("/v1/jobs?wait=persisted", {"jobs": jobs})
    assert reply.status == 201
    with redis.Redis.from_url(stores.redis) as client:
        wait_until(lambda: hopper(client, queue) == 300, 3)
        client.flushall()
        wait_until(lambda: hopper(client, queue) == 300, 1)
    claimed = api.post("/v1/claims", {"queues": [queue], "max": 300}).json["jobs"]
    assert [job["payload"] for job in claimed] == list(range(300))


def hopper(client: "redis.Redis", queue: str) -> int:
    found: int = client.zcard(f"jh:{{{queue}}}:ready")  # type: ignore[assignment]
    return found


def down_stores(api: Api) -> set[str]:
    """The stores that `/v1/system` says are down."""
    stores = api.get("/v1/system").json["stores"]
    return {name for name, one in stores.items() if not one["up"]}


def down_stores_told(api: Api) -> set[str]:
    """The stores that `/readyz` says are down: it needs no store itself."""
    return {n for n, one in api.get("/readyz").json["stores"].items() if one == "down"}


def check_told(api: Api, down: list[str]) -> None:
    ready = api.get("/readyz")
    assert (ready.status, ready.json["ready"]) == (200, True)
    assert {n for n, one in ready.json["stores"].items() if one == "down"} == set(down)
    metrics = api.get("/metrics").text
    for name in ("mysql", "rabbitmq", "redis"):
        assert f'jobhopper_store_up{{store="{name}"}} {0.0 if name in down else 1.0}' in metrics
    assert api.get("/livez").status == 200


def check_operators(api: Api, queue: str, receipt: str) -> None:
    """Creating, reading and operating a job by hand, each within its time."""
    job = timed(lambda: api.post("/v1/jobs?wait=persisted", {"queue": queue, "type": "t"}))
    path = f"/v1/jobs/{job['id']}"
    assert timed(lambda: api.get(path))["status"] == "queued"
    assert timed(lambda: api.patch(path, {"priority": 1}))["priority"] == 1
    assert timed(lambda: api.patch(path, {"silenced": True}))["silenced"] is True
    assert timed(lambda: api.patch(path, {"silenced": False}))["silenced"] is False
    top = timed(lambda: api.get(f"/v1/queues/{queue}/top"))["jobs"]
    assert job["id"] in [one["id"] for one in top]
    listed = timed(lambda: api.get(f"/v1/jobs?queue={queue}"))["jobs"]
    assert job["id"] in [one["id"] for one in listed]
    body = {"queues": [queue], "lease": 60, "max": 10}
    claimed = timed(lambda: api.post("/v1/claims", body))["jobs"]
    (mine,) = [one for one in claimed if one["id"] == job["id"]]
    beat = {"lease": mine["lease"]["token"], "extend": 60}
    assert timed(lambda: api.patch(path, beat))["receipt"] == receipt
    assert timed(lambda: api.patch(path, {"status": "cancelled"}))["status"] == "cancelled"
    reply = api.patch(path, beat)
    assert (reply.status, reply.code) == (409, "cancelled")


def timed(call: Callable[[], object]) -> dict[str, object]:
    began = time.monotonic()
    reply = call()
    assert time.monotonic() - began < SOON, reply
    assert reply.status in {200, 201, 202}, reply  # type: ignore[attr-defined]
    found: dict[str, object] = reply.json  # type: ignore[attr-defined]
    return found


def check_empty(services: Services, queue: str) -> None:
    """The queue is empty, its hopper too, and no process has had a fault of its own.

    What was claimed past a hopper that was away may lie in it until the next claim finds it stale.
    """
    caller = Api(services.ports[0], services.key)
    assert caller.post("/v1/claims", {"queues": [queue], "max": 1_000}).json["jobs"] == []
    with redis.Redis.from_url(services.stores.redis) as client:
        wait_until(lambda: hopper(client, queue) == 0, 10)
    for one in services.all:
        log = one.log.read_text()
        assert one.alive
        assert "loop_failed" not in log, one.tail()
        assert "request_failed" not in log, one.tail()
    assert set(depth(caller, queue)) == {"succeeded"}
    caller.close()
