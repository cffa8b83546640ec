"""A database that does not answer: nobody hangs, everybody is told, and all goes on after."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from .caller import Api, Reply, wait_until
from .conftest import Start
from .server import Server
from .steps import claim, claim_one, create, create_many, read, top, update, uuid7

pytestmark = pytest.mark.slow
DEADLINE = 2.8


@contextmanager
def stalled(server: Server) -> Iterator[None]:
    """Another program holds the database's lock for writing."""
    other = sqlite3.connect(server.folder / "jobs.db", timeout=20, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def timed(api: Api, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """A call that has to be answered within its deadline."""
    began = time.monotonic()
    reply = api.call(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    assert time.monotonic() - began < DEADLINE + 0.7, (method, path)
    return reply


def test_no_call_hangs_and_reads_go_on(start: Start) -> None:
    server = start()
    api = server.api()
    ids = create_many(api, "q", 3)
    (job,) = claim(api, "q")
    said = {"lease": job["lease"]["token"], "status": "succeeded"}
    calls: list[tuple[str, str, object]] = [
        ("POST", "/v1/jobs", {"queue": "q", "type": "t"}),
        ("POST", "/v1/jobs", {"queue": "new", "type": "t"}),
        ("POST", "/v1/claims", {"queues": ["q"]}),
        ("PATCH", f"/v1/jobs/{job['id']}", said),
        ("POST", "/v1/updates", {"updates": [{"id": job["id"], **said}]}),
        ("PATCH", f"/v1/jobs/{ids[2]}", {"priority": 1}),
        ("DELETE", f"/v1/jobs/{ids[2]}", None),
        ("PATCH", "/v1/queues/q", {"lease": 60}),
        ("DELETE", "/v1/queues/q", None),
        ("POST", "/v1/keys", {"name": "k", "scopes": {"read": ["*"]}}),
        ("DELETE", "/v1/keys/unknown", None),
    ]
    with stalled(server), ThreadPoolExecutor(len(calls)) as pool:
        for reply in pool.map(lambda call: timed(api, *call), calls):
            assert (reply.status, reply.code) == (503, "outcome_unknown")
            assert reply.headers["retry-after"] == "1"
        for path in (f"/v1/jobs/{ids[1]}", "/v1/jobs", "/v1/queues", "/v1/queues/q/top", "/livez"):
            assert timed(api, "GET", path).status == 200
        wait_until(lambda: api.get("/readyz").json["stores"] == {"sqlite": "down"}, 5)
        assert api.get("/readyz").json["ready"] is True
        assert api.get("/v1/system").json["stores"]["sqlite"]["up"] is False
    wait_until(lambda: api.get("/readyz").json["stores"] == {"sqlite": "up"}, 15)
    assert create(api, "q")


def test_what_was_told_to_repeat_is_safe_to_repeat(start: Start) -> None:
    server = start()
    api = server.api()
    create(api, "q")
    job = claim_one(api, "q")
    said = {"lease": job["lease"]["token"], "status": "succeeded", "result": 1}
    key, body = uuid7(time.time()), {"queue": "q", "type": "t"}
    with stalled(server):
        assert timed(api, "PATCH", f"/v1/jobs/{job['id']}", said).code == "outcome_unknown"
        for text in (key, "text"):
            reply = timed(api, "POST", "/v1/jobs", body, Idempotency_Key=text)
            assert reply.code == "outcome_unknown"
    for text in (key, "text", key, "text"):
        reply = api.post("/v1/jobs", body, {"Idempotency-Key": text})
        assert reply.status in {200, 201}
    assert len(top(api, "q")) == 2
    assert update(api, job, status="succeeded", result=1).status == 200
    assert read(api, job["id"])["result"] == 1


def test_a_claim_that_waits_outlasts_a_stall(start: Start) -> None:
    server = start()
    api = server.api()
    assert claim(api, "q") == []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.post, "/v1/claims", {"queues": ["q"], "wait": 15})
        time.sleep(0.3)
        with stalled(server):
            time.sleep(3)
        id_ = create(api, "q")
        reply = waiting.result()
    if reply.status == 503:
        # It may be told to come again; then it gets the job.
        assert claim_one(api, "q", wait=5)["id"] == id_
    else:
        assert [job["id"] for job in reply.json["jobs"]] == [id_]


def test_no_job_is_held_by_a_claim_that_was_answered_503(start: Start) -> None:
    server = start()
    api = server.api()
    ids = create_many(api, "q", 20)
    with stalled(server), ThreadPoolExecutor(10) as pool:
        body = {"queues": ["q"], "max": 2}
        for reply in pool.map(lambda _: timed(api, "POST", "/v1/claims", body), range(10)):
            assert reply.code == "outcome_unknown"
    wait_until(lambda: api.get("/readyz").json["stores"] == {"sqlite": "up"}, 15)
    wait_until(lambda: top(api, "q") == ids, 5)
    assert all(read(api, id_)["failures"] == 0 for id_ in ids)
