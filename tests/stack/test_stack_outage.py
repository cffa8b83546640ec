"""The outage mode: MySQL is away, and jobs are created, handed out and done all the same."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from api.caller import Api, Reply, wait_until
from api.steps import depth
from conftest import Launch

from stack.containers.container import Container
from stack.services import Services

_NOTICED, _BACK = 4.0, 5.0


pytestmark = pytest.mark.timed


@pytest.fixture(scope="module")
def services(launch: Launch) -> Services:
    return launch(apis=2, consumers=2, refillers=2)


@pytest.fixture
def apis(services: Services) -> Iterator[tuple[Api, Api]]:
    one, two = (Api(port, services.key) for port in services.ports)
    wait_until(lambda: phase(one) == "none" and up(one) and up(two), 20)
    yield one, two
    one.close()
    two.close()


def phase(api: Api) -> str:
    return str(api.get("/v1/system").json["outage"]["phase"])


def up(api: Api) -> bool:
    return all(one["up"] for one in api.get("/v1/system").json["stores"].values())


def create(api: Api, queue: str, number: int, **fields: Any) -> list[str]:
    """Jobs that are ready in the hopper."""
    jobs = [{"queue": queue, "type": "t", "payload": i, **fields} for i in range(number)]
    reply = api.post("/v1/jobs?wait=persisted&timeout=10", {"jobs": jobs})
    assert reply.status == 201, reply
    ids = [one["id"] for one in reply.json["jobs"]]
    wait_until(lambda: len(top(api, queue).json["jobs"]) == min(number, 50))
    # The settings of a new queue are mirrored within a second.
    time.sleep(1.2)
    return ids


def top(api: Api, queue: str) -> Reply:
    return api.get(f"/v1/queues/{queue}/top?n=50")


def claim(api: Api, queue: str, most: int = 1, **more: Any) -> Reply:
    return api.post("/v1/claims", {"queues": [queue], "max": most, "worker": "w", **more})


def claimed(api: Api, queue: str, most: int = 1, **more: Any) -> list[dict[str, Any]]:
    reply = claim(api, queue, most, **more)
    assert reply.status == 200, reply
    jobs: list[dict[str, Any]] = reply.json["jobs"]
    return jobs


def update(api: Api, job: dict[str, Any], **said: Any) -> Reply:
    return api.patch(f"/v1/jobs/{job['id']}", {"lease": job["lease"]["token"], **said})


def await_outage(*apis: Api) -> None:
    wait_until(lambda: all(phase(api) == "down" for api in apis), _NOTICED + 2)


def await_end(*apis: Api) -> float:
    began = time.monotonic()
    wait_until(lambda: all(phase(api) == "none" for api in apis), 20)
    return time.monotonic() - began


def is_done(api: Api, job_id: str) -> bool:
    return bool(api.get(f"/v1/jobs/{job_id}").json["status"] == "succeeded")


def test_jobs_are_handed_out_done_and_accounted_for_without_mysql(
    apis: tuple[Api, Api], mysql: Container
) -> None:
    one, two = apis
    ids = create(one, "mail", 30)
    (before,) = claimed(one, "mail", lease=600)
    with mysql.paused():
        await_outage(one, two)
        jobs = claimed(one, "mail", 10, lease=600) + claimed(two, "mail", 10, lease=600)
        assert [job["id"] for job in jobs] == ids[1:21]
        assert all(job["provisional"] and job["attempt"] == 1 for job in jobs)
        assert not before["provisional"]
        for job in [before, *jobs[:15]]:
            assert update(two, job, status="succeeded", result=job["payload"]).status == 202
        extended = update(one, jobs[15], extend=900)
        assert extended.status == 202
        assert update(one, jobs[16], status="queued").status == 202
        assert update(one, jobs[17], status="failed", error="no", retry_in=0).status == 202
        (new,) = [one.post("/v1/jobs", {"queue": "mail", "type": "t"}).json["id"]]
        assert one.get(f"/v1/jobs/{new}").json == {"id": new, "status": "accepted"}
    assert await_end(one, two) < _BACK
    wait_until(lambda: all(is_done(one, job["id"]) for job in [before, *jobs[:15]]))
    for job in jobs[:15]:
        found = one.get(f"/v1/jobs/{job['id']}").json
        assert (found["result"], found["attempt"], found["attempts"]) == (job["payload"], 1, [])
        assert found["worker"] == "w"
    again = {job["id"]: job for job in claimed(one, "mail", 40)}
    expected = {*ids[21:], new, jobs[16]["id"], jobs[17]["id"]}
    assert again.keys() == expected
    assert [again[jobs[n]["id"]]["attempt"] for n in (16, 17)] == [2, 2]
    assert not any(job["provisional"] for job in again.values())
    assert (
        one.get(f"/v1/jobs/{jobs[15]['id']}").json["lease_until"]
        == (extended.json["lease"]["expires_at"])
    )


def test_what_is_read_in_an_outage_comes_from_the_hopper_and_says_so(
    apis: tuple[Api, Api], mysql: Container
) -> None:
    one, two = apis
    ids = create(one, "read", 3, priority=2)
    with mysql.paused():
        await_outage(one, two)
        job = two.get(f"/v1/jobs/{ids[1]}").json
        assert (job["stale"], job["status"], job["payload"]) == (True, "queued", 1)
        found = two.get("/v1/queues/read/top?n=2").json
        assert found["stale"] is True
        assert [job["id"] for job in found["jobs"]] == ids[:2]
        for refused in (
            one.get("/v1/jobs?queue=read"),
            one.get("/v1/queues"),
            one.get("/v1/jobs/01890000-0000-7000-8000-000000000000"),
            one.patch(f"/v1/jobs/{ids[0]}", {"priority": 1}),
            one.delete(f"/v1/jobs/{ids[0]}"),
        ):
            assert (refused.status, refused.code) == (503, "unavailable"), refused
            assert refused.headers["retry-after"] == "1"
        system = one.get("/v1/system").json
        assert (system["stores"]["mysql"]["up"], system["outage"]["reaching"]) == (False, 0)
        assert system["stores"]["mysql"]["breaker"] in {"open", "half_open"}
        assert system["outage"]["replicas"] == 2
    await_end(one, two)
    assert "stale" not in one.get(f"/v1/jobs/{ids[1]}").json
    assert one.patch(f"/v1/jobs/{ids[0]}", {"priority": 1}).status == 200


def test_keys_new_queues_and_idempotency_outlive_mysql(
    apis: tuple[Api, Api], mysql: Container
) -> None:
    one, two = apis
    scopes = {"scopes": {"produce": ["*"], "work": ["*"]}, "name": "n"}
    made = one.post("/v1/keys", scopes).json
    job = {"queue": "known", "type": "t"}
    before = one.post("/v1/jobs", job, {"Idempotency-Key": "before"}).json
    unknown = Api(two.port, f"jh_{'0' * 12}_{'a' * 32}")
    # It has never been seen by the API that it is used on.
    other = Api(two.port, made["key"])
    with mysql.paused():
        await_outage(one, two)
        assert (unknown.get("/v1/jobs/x").status, unknown.get("/v1/jobs/x").code) == (
            503,
            "unavailable",
        )
        again = two.post("/v1/jobs", job, {"Idempotency-Key": "before"}).json
        assert (again["id"], again["duplicate"]) == (before["id"], True)
        meanwhile = other.post("/v1/jobs", {"queue": "unheard-of", "type": "t"}).json
        first = one.post("/v1/jobs", job, {"Idempotency-Key": "during"}).json
        second = two.post("/v1/jobs", job, {"Idempotency-Key": "during"}).json
        assert (first["id"], first["duplicate"], second["duplicate"]) == (second["id"], False, True)
        differs = one.post("/v1/jobs", job | {"type": "u"}, {"Idempotency-Key": "during"})
        assert (differs.status, differs.code) == (422, "idempotency_mismatch")
        assert other.get("/v1/queues").status in {403, 503}
    await_end(one, two)
    third = one.post("/v1/jobs", job, {"Idempotency-Key": "during"}).json
    assert (third["id"], third["duplicate"]) == (first["id"], True)
    wait_until(lambda: depth(one, "unheard-of") == {"queued": 1})
    assert one.get("/v1/queues/unheard-of").json["max_attempts"] == 5
    assert one.get(f"/v1/jobs/{meanwhile['id']}").json["status"] == "queued"
    assert (unknown.get("/v1/jobs/x").status, unknown.get("/v1/jobs/x").code) == (
        401,
        "unauthorized",
    )
    unknown.close()
    other.close()


def test_what_the_hopper_does_not_hold_waits_and_says_so(
    apis: tuple[Api, Api], mysql: Container, services: Services
) -> None:
    one, two = apis
    create(one, "small", 2)
    with mysql.paused():
        await_outage(one, two)
        assert len(claimed(one, "small", 5)) == 2
        # All there were is handed out, and the hopper knows that there are no more.
        assert claimed(one, "small", 5) == []
        client = redis.Redis.from_url(services.stores.redis)
        client.delete("jh:{small}:horizon")
        used_up = claim(one, "small", 5)
        assert (used_up.status, used_up.code) == (503, "unavailable")
        assert "'small'" in used_up.json["detail"]
        # Emptied in an outage, Redis is told again by those who know; jobs wait for MySQL.
        client.flushall()
        wait_until(lambda: client.hget("jh:outage", "phase") == b"down", 8)
        assert claim(one, "small").status == 503
        client.close()
    await_end(one, two)


@pytest.mark.slow
def test_pods_start_without_mysql_from_what_redis_knows(
    apis: tuple[Api, Api], mysql: Container, services: Services
) -> None:
    one, two = apis
    ids = create(one, "start", 3)
    time.sleep(5)
    with mysql.killed():
        await_outage(one, two)
        services.apis[1].kill()
        services.apis[1].start()
        services.apis[1].await_ready(15)
        wait_until(lambda: two.get("/v1/system").json["outage"]["phase"] == "down")
        (job,) = claimed(two, "start")
        assert (job["id"], job["provisional"]) == (ids[0], True)
        assert update(two, job, status="succeeded").status == 202
    wait_until(lambda: up(one) and up(two), 30)
    await_end(one, two)
    wait_until(lambda: is_done(two, ids[0]))
