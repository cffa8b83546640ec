"""`POST /v1/jobs`: one job or many, all or nothing, in the order sent."""

import json

import pytest

from .caller import Api
from .conftest import Start
from .steps import claim, create_many, read, text, top

MIB = 1024 * 1024


def batch(queue: str, number: int) -> dict[str, object]:
    return {"jobs": [{"queue": queue, "type": "t", "payload": i} for i in range(number)]}


def test_one_job_is_answered_with_its_id_and_where_it_is(api: Api, queue: str) -> None:
    reply = api.post("/v1/jobs", {"queue": queue, "type": "t"})
    id_ = reply.json["id"]
    assert (reply.status, reply.json) == (
        201,
        {"id": id_, "receipt": "mysql", "duplicate": False},
    )
    assert reply.headers["location"] == f"/v1/jobs/{id_}"
    assert api.get(reply.headers["location"]).json["id"] == id_


def test_many_jobs_are_answered_in_the_order_sent(api: Api, queue: str) -> None:
    reply = api.post("/v1/jobs", batch(queue, 25))
    ids = [one["id"] for one in reply.json["jobs"]]
    assert (reply.status, reply.json) == (
        201,
        {"jobs": [{"id": id_, "duplicate": False} for id_ in ids], "receipt": "mysql"},
    )
    assert "location" not in reply.headers
    assert [read(api, id_)["payload"] for id_ in ids] == list(range(25))


def test_a_batch_keeps_its_order_in_the_queue(api: Api, queue: str) -> None:
    first, second = create_many(api, queue, 300), create_many(api, queue, 200)
    assert top(api, queue) == first + second
    assert [job["payload"] for job in claim(api, queue, max=300)] == list(range(300))


def test_a_batch_of_one_is_answered_as_a_batch(api: Api, queue: str) -> None:
    assert list(api.post("/v1/jobs", batch(queue, 1)).json) == ["jobs", "receipt"]


def test_a_thousand_jobs_may_come_together(api: Api, queue: str) -> None:
    ids = create_many(api, queue, 1_000)
    assert len(set(ids)) == 1_000
    assert ids == sorted(ids)


def test_more_than_a_thousand_jobs_are_refused(api: Api, queue: str) -> None:
    reply = api.post("/v1/jobs", batch(queue, 1_001))
    assert (reply.status, reply.fields) == (422, ["/jobs"])
    assert api.get(f"/v1/queues/{queue}").status == 404


def test_a_body_of_2_mib_is_taken_and_one_byte_more_is_refused(api: Api, queue: str) -> None:
    jobs = [{"queue": queue, "type": "t", "payload": "x" * 250_000} for _ in range(8)]
    exact = filled({"jobs": jobs}, 2 * MIB)
    assert len(exact) == 2 * MIB
    assert api.post("/v1/jobs", exact).status == 201
    reply = api.post("/v1/jobs", exact + b" ")
    assert (reply.status, reply.code) == (413, "body_too_large")
    assert len(top(api, queue)) == 8


def filled(body: object, size: int) -> bytes:
    """`body` as JSON with spaces up to `size` bytes."""
    return json.dumps(body).encode().ljust(size)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"type": "t"}, "/jobs/7/queue"),
        ({"queue": "a b", "type": "t"}, "/jobs/7/queue"),
        ({"queue": "q", "type": "t", "priority": 10}, "/jobs/7/priority"),
        ({"queue": "q", "type": "t", "run_at": "soon"}, "/jobs/7/run_at"),
        ({"queue": "q", "type": "t", "payload": "x" * 256 * 1024}, "/jobs/7/payload"),
        ({"queue": "q", "type": "t", "colour": "red"}, "/jobs/7/colour"),
        ("job", "/jobs/7"),
    ],
)
def test_one_wrong_job_among_many_leaves_no_trace(
    api: Api, queue: str, wrong: object, field: str
) -> None:
    jobs: list[object] = [{"queue": queue, "type": "t"} for _ in range(9)]
    jobs.insert(7, wrong)
    reply = api.post("/v1/jobs", {"jobs": jobs})
    assert (reply.status, reply.code, reply.fields) == (422, "invalid", [field])
    assert api.get(f"/v1/queues/{queue}").status == 404
    assert api.get(f"/v1/jobs?queue={queue}").json["jobs"] == []


def test_a_refused_batch_makes_none_of_its_queues(start: Start) -> None:
    api = start().api()
    names = [f"n{i}" for i in range(999)]
    full = api.post("/v1/jobs", {"jobs": [{"queue": name, "type": "t"} for name in names]})
    assert full.status == 201
    two_more = {"jobs": [{"queue": "new1", "type": "t"}, {"queue": "new2", "type": "t"}]}
    reply = api.post("/v1/jobs", two_more)
    assert (reply.status, reply.code) == (422, "too_many_queues")
    assert api.get("/v1/queues/new1").status == 404
    assert api.post("/v1/jobs", {"queue": "new2", "type": "t"}).status == 201


def test_jobs_of_many_queues_may_come_together(api: Api, queue: str) -> None:
    names = [f"{queue}.{i}" for i in range(3)]
    jobs = [{"queue": names[i % 3], "type": "t", "payload": i} for i in range(9)]
    assert api.post("/v1/jobs", {"jobs": jobs}).status == 201
    for i, name in enumerate(names):
        assert [job["payload"] for job in claim(api, name, max=9)] == [i, i + 3, i + 6]


@pytest.mark.parametrize("wait", ["wait=persisted", "wait=persisted&timeout=0", "timeout=60"])
def test_waiting_for_durability_answers_201(api: Api, queue: str, wait: str) -> None:
    reply = api.post(f"/v1/jobs?{wait}", {"queue": queue, "type": "t"})
    assert (reply.status, reply.json["receipt"]) == (201, "mysql")


def test_what_is_left_out_has_its_default(api: Api, queue: str) -> None:
    job = read(api, api.post("/v1/jobs", {"queue": queue, "type": "t"}).json["id"])
    assert (job["payload"], job["priority"], job["max_attempts"]) == (None, 5, 5)
    assert job["run_at"] == job["created_at"][:-4] + "000Z"


def test_the_queue_decides_on_attempts_unless_the_job_does(api: Api, queue: str) -> None:
    assert api.patch(f"/v1/queues/{queue}", {"max_attempts": 9}).status == 200
    jobs = [{"queue": queue, "type": "t"}, {"queue": queue, "type": "t", "max_attempts": 2}]
    made = api.post("/v1/jobs", {"jobs": jobs}).json["jobs"]
    assert [read(api, one["id"])["max_attempts"] for one in made] == [9, 2]


def test_a_date_ahead_is_kept_to_the_millisecond_in_utc(api: Api, queue: str) -> None:
    sent = "2031-05-06T09:08:07.123999+02:00"
    made = api.post("/v1/jobs", {"queue": queue, "type": "t", "run_at": sent})
    job = read(api, made.json["id"])
    assert (job["status"], job["run_at"]) == ("scheduled", "2031-05-06T07:08:07.123000Z")


def test_a_date_in_the_past_is_kept_and_sorts(api: Api, queue: str) -> None:
    times = [1_000.0, 500.0, 2_000.0]
    jobs = [{"queue": queue, "type": "t", "run_at": text(at)} for at in times]
    made = [one["id"] for one in api.post("/v1/jobs", {"jobs": jobs}).json["jobs"]]
    assert top(api, queue) == [made[1], made[0], made[2]]
    assert read(api, made[1])["run_at"] == "1970-01-01T00:08:20.000000Z"


def test_null_means_no_date(api: Api, queue: str) -> None:
    made = api.post("/v1/jobs", {"queue": queue, "type": "t", "run_at": None})
    assert read(api, made.json["id"])["status"] == "queued"
