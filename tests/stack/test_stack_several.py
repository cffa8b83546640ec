"""Several of each process, under load: nothing twice, nothing lost, and all know the same."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import redis
from api.caller import Api, wait_until
from api.steps import Background, claim, claim_one, depth, update
from conftest import Launch
from stack_traffic import Traffic

from stack.services import Services

pytestmark = pytest.mark.timed
_CACHE_SECONDS = 30


@pytest.fixture(scope="module")
def services(launch: Launch) -> Services:
    return launch(apis=2, consumers=3, refillers=2)


# For the whole module, so that its cache time goes by while the other tests do their work.
@pytest.fixture(scope="module", autouse=True)
def deleted_key(services: Services) -> Iterator["Future[None]"]:
    """One API deletes a key that the other one knows; done when that one refuses it."""
    one, two = (Api(port, services.key) for port in services.ports)
    made = one.post("/v1/keys", {"name": "k", "scopes": {"read": ["*"]}}).json
    holder = Api(two.port, made["key"])
    assert holder.get("/v1/system").status == 200
    assert one.delete(f"/v1/keys/{made['id']}").status == 204
    until, over = time.monotonic() + _CACHE_SECONDS + 1, threading.Event()

    def await_refusal() -> None:
        while not over.wait(0.2) and holder.get("/v1/system").status != 401:
            assert time.monotonic() < until

    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(await_refusal)
        over.set()
    for api in (one, two, holder):
        api.close()


@pytest.fixture
def apis(services: Services) -> Iterator[tuple[Api, Api]]:
    one, two = (Api(port, services.key) for port in services.ports)
    yield one, two
    one.close()
    two.close()


def create(api: Api, queue: str, number: int = 1) -> list[str]:
    jobs = [{"queue": queue, "type": "t", "payload": i} for i in range(number)]
    reply = api.post("/v1/jobs?wait=persisted&timeout=10", {"jobs": jobs})
    assert reply.status == 201
    return [one["id"] for one in reply.json["jobs"]]


def test_under_load_every_job_is_done_exactly_once(services: Services) -> None:
    with Traffic(services, "load", producers=2, workers=8) as traffic:
        wait_until(lambda: len(traffic.accepted) > 1_000, 60)
        traffic.await_all_done()
        traffic.check_once()
        traffic.check_soon()
    with redis.Redis.from_url(services.stores.redis) as client:
        wait_until(lambda: client.zcard("jh:{load}:ready") == 0, 5)
    for one in services.all:
        assert "traceback" not in one.log.read_text(), one.tail()


@pytest.mark.slow
def test_consumers_and_refillers_may_come_and_go(services: Services) -> None:
    with Traffic(services, "come-and-go", producers=2, workers=8) as traffic:
        time.sleep(2)
        for one in (services.consumers[0], services.refillers[1], services.consumers[2]):
            one.kill()
            time.sleep(2)
            one.start()
        one.await_ready()
        traffic.await_all_done()
        traffic.check_once()
        traffic.check_soon()


def test_a_single_claimer_gets_jobs_in_their_order(apis: tuple[Api, Api]) -> None:
    """Two thousand jobs: twice what the hopper holds."""
    ids: list[str] = []
    for i in range(4):
        ids += create(apis[i % 2], "order", 500)
    claimed: list[str] = []
    while len(claimed) < len(ids):
        jobs = claim(apis[0], "order", max=100, wait=2)
        assert jobs
        claimed += [job["id"] for job in jobs]
    assert claimed == sorted(ids)


def test_a_pause_holds_on_the_other_api_within_a_second(apis: tuple[Api, Api]) -> None:
    one, two = apis
    create(one, "pause", 50)
    assert len(claim(two, "pause", max=5, wait=2)) == 5
    assert one.patch("/v1/queues/pause", {"paused": True}).status == 200
    time.sleep(1)
    for _ in range(20):
        assert claim(two, "pause", max=5) == []
        assert claim(one, "pause", max=5) == []
    with Background() as beside:
        waiting = beside.claim(two, "pause", max=5, wait=10)
        time.sleep(0.5)
        one.patch("/v1/queues/pause", {"paused": False})
        jobs, seconds = waiting.result()
    assert len(jobs) == 5
    assert seconds < 2.5


def test_a_pause_survives_flushall(apis: tuple[Api, Api], services: Services) -> None:
    one, two = apis
    create(one, "pause-flush", 20)
    one.patch("/v1/queues/pause-flush", {"paused": True})
    until = time.monotonic() + 3
    with redis.Redis.from_url(services.stores.redis) as client:
        while time.monotonic() < until:
            client.flushall()
            assert claim(two, "pause-flush", max=5, wait=0) == []
            time.sleep(0.02)


def test_an_end_through_one_api_wakes_who_waits_at_the_other(apis: tuple[Api, Api]) -> None:
    one, two = apis
    (id_,) = create(one, "end")
    job = claim_one(two, "end", wait=5)
    with Background() as beside:
        waiting = beside.get(one, f"/v1/jobs/{id_}?wait=finished&timeout=20")
        # Between its looks, which come a second apart.
        time.sleep(1.3)
        began = time.monotonic()
        assert update(two, job, status="succeeded", result=1).status == 202
        reply, _ = waiting.result()
    assert time.monotonic() - began < 0.4
    assert (reply.json["status"], reply.json["result"]) == ("succeeded", 1)


def test_work_through_one_api_wakes_who_waits_at_the_other(apis: tuple[Api, Api]) -> None:
    one, two = apis
    assert claim(two, "wake") == []
    with Background() as beside:
        waiting = beside.claim(two, "wake", wait=20)
        time.sleep(2.5)
        began = time.monotonic()
        create(one, "wake")
        jobs, _ = waiting.result()
    assert len(jobs) == 1
    assert time.monotonic() - began < 0.5


def test_a_scheduled_job_is_claimed_when_it_is_due(apis: tuple[Api, Api]) -> None:
    """Two refillers let it become due once, and within a second."""
    one, two = apis
    at = time.time() + 2
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".000Z"
    jobs = [{"queue": "due", "type": "t", "run_at": moment} for _ in range(200)]
    assert one.post("/v1/jobs?wait=persisted", {"jobs": jobs}).status == 201
    assert claim(two, "due") == []
    claimed: list[str] = []
    while time.time() < at + 1.5 and len(claimed) < 200:
        claimed += [job["id"] for job in claim(two, "due", max=200, wait=1)]
        assert not claimed or time.time() >= int(at)
    assert len(set(claimed)) == len(claimed) == 200
    assert depth(one, "due") == {"running": 200}


@pytest.mark.slow
def test_a_deleted_key_is_refused_everywhere_within_its_cache_time(
    deleted_key: "Future[None]",
) -> None:
    deleted_key.result()
