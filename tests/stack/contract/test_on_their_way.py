"""What is promised of a write between its 202 and its arrival, and of one that comes too late."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from api.caller import Api, Reply, wait_until
from api.steps import (
    NO_JOB,
    Background,
    claim,
    claim_one,
    operate,
    read,
    running,
    top,
    update,
    uuid7,
)
from stack_settling import Lanes

from stack.services import Services

Held = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def held(services: Services) -> Held:
    """Stops the consumer within a `with`, so that what was accepted stays on its way."""

    @contextmanager
    def hold() -> Iterator[None]:
        services.consumers[0].send(signal.SIGSTOP)
        try:
            yield
        finally:
            services.consumers[0].send(signal.SIGCONT)

    return hold


def test_a_job_on_its_way_is_accepted_and_not_yet_to_be_changed(
    plain: Api, queue: str, held: Held
) -> None:
    create_settings = plain.patch(f"/v1/queues/{queue}", {"max_attempts": 7})
    assert create_settings.status == 200
    with held():
        reply = plain.post("/v1/jobs", {"queue": queue, "type": "t"})
        assert (reply.status, reply.json["receipt"]) == (202, "rabbitmq")
        path = f"/v1/jobs/{reply.json['id']}"
        found = plain.get(path)
        assert (found.status, found.json) == (200, {"id": reply.json["id"], "status": "accepted"})
        for answer in (plain.patch(path, {"status": "cancelled"}), plain.delete(path)):
            assert (answer.status, answer.code) == (409, "not_yet_persisted")
            assert answer.headers["retry-after"] == "1"
    wait_until(lambda: plain.get(path).json["status"] == "queued")
    assert plain.patch(path, {"status": "cancelled"}).json["status"] == "cancelled"


@pytest.mark.timed
def test_waiting_for_durability_ends_with_its_time(plain: Api, queue: str, held: Held) -> None:
    plain.patch(f"/v1/queues/{queue}", {"max_attempts": 7})
    job = {"queue": queue, "type": "t"}
    with held():
        began = time.monotonic()
        reply = plain.post("/v1/jobs?wait=persisted&timeout=1", job)
        assert (reply.status, reply.json["receipt"]) == (202, "rabbitmq")
        assert 1 <= time.monotonic() - began < 1.5
    reply = plain.post("/v1/jobs?wait=persisted&timeout=10", job)
    assert (reply.status, reply.json["receipt"]) == (201, "mysql")


def test_a_wait_for_the_end_begins_before_the_job_is_there(
    plain: Api, queue: str, held: Held
) -> None:
    plain.patch(f"/v1/queues/{queue}", {"max_attempts": 7})
    with Background() as beside:
        with held():
            id_ = plain.post("/v1/jobs", {"queue": queue, "type": "t"}).json["id"]
            end = beside.get(plain, f"/v1/jobs/{id_}?wait=finished&timeout=20")
            time.sleep(0.3)
        job = claim_one(plain, queue, wait=10)
        assert update(plain, job, status="succeeded", result=1).status == 202
        reply, seconds = end.result()
    assert (reply.json["status"], reply.json["result"]) == ("succeeded", 1)
    assert seconds < 5


def test_a_job_that_stays_on_its_way_is_told_so_when_time_is_up(
    plain: Api, queue: str, held: Held
) -> None:
    plain.patch(f"/v1/queues/{queue}", {"max_attempts": 7})
    with held():
        id_ = plain.post("/v1/jobs", {"queue": queue, "type": "t"}).json["id"]
        reply = plain.get(f"/v1/jobs/{id_}?wait=finished&timeout=1")
        assert (reply.status, reply.json) == (200, {"id": id_, "status": "accepted"})


@pytest.mark.parametrize("age", [40, 3_600, -60])
def test_an_id_that_was_never_accepted_is_unknown(plain: Api, age: float) -> None:
    for id_ in (uuid7(time.time() - age), NO_JOB):
        replies: list[Reply] = [
            plain.get(f"/v1/jobs/{id_}"),
            plain.patch(f"/v1/jobs/{id_}", {"status": "cancelled"}),
            plain.delete(f"/v1/jobs/{id_}"),
        ]
        assert [(r.status, r.code) for r in replies] == [(404, "not_found")] * 3


ENDS: list[dict[str, Any]] = [
    {"status": "succeeded", "result": 1},
    {"status": "failed", "error": "a", "retry": False},
    {"status": "failed", "error": "a", "retry_in": 900},
    {"status": "queued"},
]
LATER: list[dict[str, Any]] = [
    {"status": "succeeded", "result": 2},
    {"status": "failed", "error": "b"},
    {"status": "queued"},
    {"extend": 600},
    {"progress": "late"},
]


@pytest.mark.parametrize("said", ENDS)
def test_what_comes_after_the_end_of_a_claim_is_accepted_and_changes_nothing(
    api: Api, queue: str, said: dict[str, Any]
) -> None:
    job = running(api, queue)
    assert update(api, job, **said).status == 200
    before = read(api, job["id"])
    for other in (*LATER, said):
        reply = update(api, job, **other)
        assert reply.status == 200 or reply.code in {"stale_claim", "not_running"}
        assert read(api, job["id"]) == before, other


def test_a_token_from_before_a_redrive_does_not_count(api: Api, queue: str) -> None:
    job = running(api, queue)
    operate(api, job["id"], status="cancelled")
    operate(api, job["id"], status="queued")
    update(api, job, status="succeeded")
    second = claim_one(api, queue)
    update(api, job, status="succeeded", result="late")
    assert (second["attempt"], read(api, job["id"])["status"]) == (2, "running")


def test_the_first_end_of_a_batch_counts(api: Api, queue: str) -> None:
    job = running(api, queue)
    token = {"id": job["id"], "lease": job["lease"]["token"]}
    said: list[dict[str, Any]] = [
        {"progress": 1},
        {"extend": 600, "progress": 2},
        {"status": "succeeded", "result": "r"},
        {"status": "failed"},
    ]
    reply = api.post("/v1/updates", {"updates": [{**token, **one} for one in said]})
    assert [one["status"] for one in reply.json["updates"]] == [200] * 4
    after = read(api, job["id"])
    assert (after["status"], after["progress"], after["result"]) == ("succeeded", 2, "r")


@pytest.mark.parametrize("number", [1, 40])
def test_a_uuid7_makes_a_job_once(api: Api, queue: str, number: int) -> None:
    id_ = uuid7(time.time())
    body = {"jobs": [{"queue": queue, "type": "t", "payload": i} for i in range(number)]}
    replies = [api.post("/v1/jobs", body, {"Idempotency-Key": id_}) for _ in range(3)]
    made = [[one["id"] for one in reply.json["jobs"]] for reply in replies]
    assert made[0][0] == id_
    assert made == [made[0]] * 3
    assert top(api, queue) == made[0]
    assert len(claim(api, queue, max=500)) == number


def test_a_repeat_of_a_job_that_went_on_changes_nothing(api: Api, queue: str) -> None:
    id_ = uuid7(time.time())
    body = {"queue": queue, "type": "t"}
    api.post("/v1/jobs", body, {"Idempotency-Key": id_})
    update(api, claim_one(api, queue), status="succeeded")
    before = read(api, id_)
    api.post("/v1/jobs", body, {"Idempotency-Key": id_})
    assert read(api, id_) == before
    assert claim(api, queue) == []


@pytest.mark.timed
def test_what_is_created_through_rabbitmq_is_claimed_at_once(
    plain: Api, queue: str, lanes: Lanes
) -> None:
    """From the answer to a waiting claim, a job takes a blink."""
    lanes.await_creates({0, 1, 2, 3})
    with Background() as beside:
        waiting = beside.claim(plain, queue, wait=10)
        time.sleep(0.3)
        began = time.monotonic()
        id_ = plain.post("/v1/jobs", {"queue": queue, "type": "t"}).json["id"]
        (job,), _ = waiting.result()
    assert job["id"] == id_
    assert time.monotonic() - began < 0.5


def test_the_services_tell_what_they_are(plain: Api, queue: str) -> None:
    assert plain.get("/readyz").json == {
        "ready": True,
        "stores": {"mysql": "up", "rabbitmq": "up", "redis": "up"},
    }
    view = plain.get("/v1/system").json
    assert (view["mode"], view["shards"]) == ("normal", 4)
    assert {name: one["up"] for name, one in view["stores"].items()} == {
        "mysql": True,
        "rabbitmq": True,
        "redis": True,
    }
    plain.post("/v1/jobs", {"queue": queue, "type": "t"})
    metrics = plain.get("/metrics").text
    assert f'jobhopper_jobs_created_total{{queue="{queue}",receipt="rabbitmq"}} 1.0' in metrics
    assert 'jobhopper_store_up{store="rabbitmq"} 1.0' in metrics
