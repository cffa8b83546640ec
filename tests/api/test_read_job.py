"""`GET /v1/jobs/{id}`: the whole job, at once or when it has ended."""

import re
import time
from collections.abc import Iterator

import pytest

from .caller import Api
from .steps import (
    NO_JOB,
    Background,
    claim_one,
    create,
    now,
    operate,
    read,
    running,
    seconds,
    text,
    update,
)

FIELDS = [
    "id",
    "queue",
    "type",
    "status",
    "priority",
    "run_at",
    "attempt",
    "failures",
    "max_attempts",
    "silenced",
    "worker",
    "lease_until",
    "created_at",
    "updated_at",
    "finished_at",
    "error",
    "progress",
    "payload",
    "result",
    "attempts",
]
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
def beside() -> Iterator[Background]:
    with Background() as background:
        yield background


def test_a_new_job_field_by_field(api: Api, queue: str) -> None:
    before = now()
    id_ = create(api, queue, type="welcome", payload={"to": "ann"}, priority=2, max_attempts=7)
    job = read(api, id_)
    assert list(job) == FIELDS
    assert TIME.fullmatch(job["created_at"])
    assert before - 0.01 <= seconds(job["created_at"]) <= now()
    assert job == {
        "id": id_,
        "queue": queue,
        "type": "welcome",
        "status": "queued",
        "priority": 2,
        "run_at": job["created_at"][:-4] + "000Z",
        "attempt": 0,
        "failures": 0,
        "max_attempts": 7,
        "silenced": False,
        "worker": None,
        "lease_until": None,
        "created_at": job["created_at"],
        "updated_at": job["created_at"],
        "finished_at": None,
        "error": None,
        "progress": None,
        "payload": {"to": "ann"},
        "result": None,
        "attempts": [],
    }


def test_a_running_job_field_by_field(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    before = read(api, id_)
    job = claim_one(api, queue, worker="w1", lease=90)
    after = read(api, id_)
    assert after == before | {
        "status": "running",
        "attempt": 1,
        "worker": "w1",
        "lease_until": job["lease"]["expires_at"],
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]


def test_a_finished_job_keeps_its_unsuccessful_attempts(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    first = claim_one(api, queue, worker="w1")
    update(api, first, status="failed", error={"why": "down"}, retry_in=0)
    second = claim_one(api, queue, worker="w2")
    update(api, second, status="queued")
    third = claim_one(api, queue, worker="w3")
    update(api, third, status="succeeded", result=[1])
    job = read(api, id_)
    assert (job["status"], job["attempt"], job["failures"]) == ("succeeded", 3, 1)
    assert (job["result"], job["error"], job["worker"]) == ([1], None, "w3")
    shown = [
        {k: v for k, v in one.items() if k not in {"started_at", "ended_at"}}
        for one in job["attempts"]
    ]
    assert shown == [
        {"attempt": 1, "outcome": "failed", "error": {"why": "down"}, "worker": "w1"},
        {"attempt": 2, "outcome": "released", "error": None, "worker": "w2"},
    ]
    times = [t for one in job["attempts"] for t in (one["started_at"], one["ended_at"])]
    assert [job["created_at"], *times, job["finished_at"]] == sorted(
        [job["created_at"], *times, job["finished_at"]]
    )
    assert all(TIME.fullmatch(t) for t in times)


def test_updates_move_the_time_of_update(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    times = [read(api, id_)["updated_at"]]
    job = claim_one(api, queue)
    times.append(read(api, id_)["updated_at"])
    for said in ({"progress": 1}, {"extend": 90}, {"status": "succeeded"}):
        update(api, job, **said)
        times.append(read(api, id_)["updated_at"])
    assert times == sorted(set(times))
    assert read(api, id_)["created_at"] == times[0]


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_waiting_for_the_end_answers_as_soon_as_it_comes(
    api: Api, queue: str, beside: Background, end: str
) -> None:
    job = running(api, queue)
    waiting = beside.get(api, f"/v1/jobs/{job['id']}?wait=finished&timeout=20")
    time.sleep(0.2)
    ended = now()
    if end == "cancelled":
        operate(api, job["id"], status=end)
    else:
        update(api, job, status=end, **({"retry": False} if end == "failed" else {}))
    reply, _ = waiting.result()
    assert now() - ended < 0.5
    assert (reply.json["status"], reply.json) == (end, read(api, job["id"]))


def test_an_attempt_that_ends_is_not_the_end_of_the_job(
    api: Api, queue: str, beside: Background
) -> None:
    job = running(api, queue)
    waiting = beside.get(api, f"/v1/jobs/{job['id']}?wait=finished&timeout=20")
    time.sleep(0.1)
    update(api, job, status="failed", retry_in=0)
    time.sleep(0.1)
    assert not waiting.done()
    update(api, claim_one(api, queue), status="succeeded")
    assert waiting.result()[0].json["status"] == "succeeded"


def test_a_job_that_has_ended_is_not_waited_for(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, status="succeeded")
    began = time.monotonic()
    assert api.get(f"/v1/jobs/{job['id']}?wait=finished").json["status"] == "succeeded"
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("timeout", [0, 0.3])
def test_a_wait_that_is_in_vain_answers_with_the_job_as_it_is(
    api: Api, queue: str, timeout: float
) -> None:
    id_ = create(api, queue)
    began = time.monotonic()
    reply = api.get(f"/v1/jobs/{id_}?wait=finished&timeout={timeout}")
    assert timeout <= time.monotonic() - began < timeout + 0.5
    assert (reply.status, reply.json) == (200, read(api, id_))


def test_many_may_wait_for_one_job(api: Api, queue: str) -> None:
    job = running(api, queue)
    with Background(threads=30) as beside:
        path = f"/v1/jobs/{job['id']}?wait=finished&timeout=20"
        waiting = [beside.get(api, path) for _ in range(30)]
        time.sleep(0.3)
        update(api, job, status="succeeded")
        assert {one.result()[0].json["status"] for one in waiting} == {"succeeded"}


@pytest.mark.parametrize("path", [f"/v1/jobs/{NO_JOB}", f"/v1/jobs/{NO_JOB}?wait=finished"])
def test_no_job_is_404_at_once(api: Api, path: str) -> None:
    began = time.monotonic()
    reply = api.get(path)
    assert (reply.status, reply.code) == (404, "not_found")
    assert time.monotonic() - began < 0.5


def test_a_scheduled_job_is_promoted_at_its_time(api: Api, queue: str) -> None:
    id_ = create(api, queue, run_at=text(now() + 0.4))
    job = read(api, id_)
    assert job["status"] == "scheduled"
    (claimed,) = api.post("/v1/claims", {"queues": [queue], "wait": 5}).json["jobs"]
    assert (claimed["id"], claimed["run_at"]) == (id_, job["run_at"])
