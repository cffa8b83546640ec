"""`POST /v1/claims` that need not wait: the top picks, in order, up to `max`."""

import pytest

from .caller import Api
from .steps import (
    NO_JOB,
    claim,
    claim_one,
    create,
    create_many,
    depth,
    operate,
    read,
    running,
    seconds,
    text,
    update,
)


def test_priority_decides_then_the_date_then_the_id(api: Api, queue: str) -> None:
    places = [(p, d) for p in (9, 0, 5) for d in (300.0, 100.0, 200.0) for _ in range(2)]
    made = [(p, d, create(api, queue, priority=p, run_at=text(d))) for p, d in places]
    assert [job["id"] for job in claim(api, queue, max=100)] == [id_ for _, _, id_ in sorted(made)]


def test_a_claimed_job_is_all_that_a_worker_needs(api: Api, queue: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"queue": queue, "type": "welcome", "payload": {"to": "ann"}, "priority": 3}
    made = api.post("/v1/jobs", body, {"traceparent": trace})
    before = seconds(read(api, made.json["id"])["created_at"])
    job = claim_one(api, queue, lease=90, worker="w1")
    row = read(api, made.json["id"])
    assert job == {
        "id": made.json["id"],
        "queue": queue,
        "type": "welcome",
        "payload": {"to": "ann"},
        "priority": 3,
        "run_at": row["run_at"],
        "attempt": 1,
        "max_attempts": 5,
        "progress": None,
        "created_at": row["created_at"],
        "traceparent": trace,
        "provisional": False,
        "lease": {"token": job["lease"]["token"], "expires_at": row["lease_until"]},
    }
    assert job["lease"]["token"].startswith("jl1.")
    assert 90 <= seconds(row["lease_until"]) - before < 100
    assert (row["status"], row["worker"], row["attempt"]) == ("running", "w1", 1)


def test_a_claim_gets_what_there_is_up_to_max(api: Api, queue: str) -> None:
    ids = create_many(api, queue, 7)
    assert [job["id"] for job in claim(api, queue, max=5)] == ids[:5]
    assert [job["id"] for job in claim(api, queue, max=5)] == ids[5:]
    assert claim(api, queue, max=5) == []


def test_a_claim_without_max_gets_one(api: Api, queue: str) -> None:
    create_many(api, queue, 3)
    assert len(claim(api, queue)) == 1


def test_a_claim_may_take_a_thousand(api: Api, queue: str) -> None:
    ids = create_many(api, queue, 1_000)
    assert [job["id"] for job in claim(api, queue, max=1_000)] == ids
    assert depth(api, queue) == {"running": 1_000}


def test_a_claim_fills_from_the_first_queue_named_then_the_next(api: Api, queue: str) -> None:
    names = [f"{queue}.{letter}" for letter in "abc"]
    made = {name: create_many(api, name, 3, priority=i) for i, name in enumerate(names)}
    c, a, b = names[2], names[0], names[1]
    claimed = claim(api, c, a, b, max=7)
    assert [job["id"] for job in claimed] == [*made[c], *made[a], made[b][0]]
    assert [job["queue"] for job in claimed] == [c] * 3 + [a] * 3 + [b]


def test_a_claim_may_name_sixteen_queues(api: Api, queue: str) -> None:
    names = [f"{queue}.{i}" for i in range(16)]
    id_ = create(api, names[15])
    assert [job["id"] for job in claim(api, *names, max=2)] == [id_]


def test_an_unknown_queue_is_like_an_empty_one_and_exists_from_then_on(
    api: Api, queue: str
) -> None:
    assert claim(api, queue) == []
    assert api.get(f"/v1/queues/{queue}").status == 200


@pytest.mark.parametrize("change", [{"silenced": True}, {"run_at": text(4e9)}])
def test_silenced_and_scheduled_jobs_are_not_handed_out(
    api: Api, queue: str, change: dict[str, object]
) -> None:
    hidden, open_ = create(api, queue), create(api, queue)
    assert operate(api, hidden, **change).status == 200
    assert [job["id"] for job in claim(api, queue, max=10)] == [open_]


def test_a_job_is_handed_out_once(api: Api, queue: str) -> None:
    running(api, queue)
    assert claim(api, queue, max=10) == []


def test_attempts_count_up_and_progress_comes_along(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, progress={"done": 3})
    update(api, job, status="queued")
    again = claim_one(api, queue)
    assert (again["attempt"], again["progress"]) == (2, {"done": 3})
    assert again["lease"]["token"] != job["lease"]["token"]


def test_without_a_lease_the_queue_decides(api: Api, queue: str) -> None:
    api.patch(f"/v1/queues/{queue}", {"lease": 7_200})
    create(api, queue)
    claimed = claim_one(api, queue)
    row = read(api, claimed["id"])
    assert 7_200 <= seconds(row["lease_until"]) - seconds(row["updated_at"]) < 7_201


def test_an_absent_worker_is_null(api: Api, queue: str) -> None:
    assert read(api, running(api, queue)["id"])["worker"] is None


def test_the_last_claims_worker_stays_in_the_job(api: Api, queue: str) -> None:
    create(api, queue)
    job = claim_one(api, queue, worker="w2")
    update(api, job, status="succeeded")
    assert read(api, job["id"])["worker"] == "w2"


def test_a_paused_queue_hands_nothing_out(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    assert api.patch(f"/v1/queues/{queue}", {"paused": True}).json["paused"] is True
    assert claim(api, queue, max=10) == []
    other = create(api, f"{queue}.other")
    assert [job["id"] for job in claim(api, queue, f"{queue}.other", max=10)] == [other]
    api.patch(f"/v1/queues/{queue}", {"paused": False})
    assert [job["id"] for job in claim(api, queue, max=10)] == [id_]


def test_a_job_in_hand_can_be_finished_while_its_queue_is_paused(api: Api, queue: str) -> None:
    job = running(api, queue)
    api.patch(f"/v1/queues/{queue}", {"paused": True})
    assert update(api, job, status="succeeded").status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "/queues"),
        ({"queues": []}, "/queues"),
        ({"queues": ["a", "a"]}, "/queues"),
        ({"queues": [f"q{i}" for i in range(17)]}, "/queues"),
        ({"queues": "mail"}, "/queues"),
        ({"queues": ["a", "b c"]}, "/queues/1"),
        ({"queues": ["a"], "type": "t"}, "/type"),
        ({"queues": ["a"], "worker": ""}, "/worker"),
    ],
)
def test_a_claim_that_is_wrong_is_told_by_field(
    api: Api, body: dict[str, object], field: str
) -> None:
    reply = api.post("/v1/claims", body)
    assert (reply.status, reply.fields) == (422, [field])


def test_a_refused_claim_makes_no_queue(api: Api, queue: str) -> None:
    assert api.post("/v1/claims", {"queues": [queue], "max": 0}).status == 422
    assert api.get(f"/v1/queues/{queue}").status == 404
    assert api.get(f"/v1/jobs/{NO_JOB}").status == 404
