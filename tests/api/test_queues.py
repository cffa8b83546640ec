"""Queues: settings, depths, deleting; and `GET /v1/system`, probes and metrics."""

from typing import Any
from urllib.parse import quote

import pytest

from .caller import Api
from .conftest import Start
from .steps import (
    claim,
    claim_one,
    create,
    create_many,
    depth,
    now,
    operate,
    read,
    running,
    seconds,
    text,
    top,
    update,
)

DEFAULTS = {
    "paused": False,
    "lease": 60,
    "max_attempts": 5,
    "backoff": {"base": 5.0, "factor": 2.0, "max": 3600.0, "jitter": 0.1},
    "silence_after": 2_592_000,
}
NONE = dict.fromkeys(
    ("scheduled", "queued", "running", "succeeded", "failed", "cancelled", "silenced"), 0
)


def test_a_queue_exists_from_its_first_job_with_the_defaults(api: Api, queue: str) -> None:
    assert api.get(f"/v1/queues/{queue}").code == "not_found"
    create(api, queue)
    view = api.get(f"/v1/queues/{queue}").json
    assert view == {
        "name": queue,
        **DEFAULTS,
        "depth": {**NONE, "queued": 1},
        "oldest_ready_age": view["oldest_ready_age"],
    }


def test_a_queue_exists_from_its_first_setting(api: Api, queue: str) -> None:
    view = api.patch(f"/v1/queues/{queue}", {"lease": 90}).json
    expected = {"name": queue, **DEFAULTS, "lease": 90, "depth": NONE, "oldest_ready_age": None}
    assert view == expected
    assert api.get(f"/v1/queues/{queue}").json == expected


@pytest.mark.parametrize(
    "change",
    [
        {"paused": True},
        {"lease": 1},
        {"lease": 43_200},
        {"max_attempts": 100},
        {"silence_after": None},
        {"silence_after": 3_600},
        {"silence_after": 315_360_000},
        {"paused": True, "lease": 7, "max_attempts": 1},
        {},
    ],
)
def test_settings_that_are_left_out_stay(api: Api, queue: str, change: dict[str, Any]) -> None:
    before = api.patch(f"/v1/queues/{queue}", {"lease": 90, "backoff": {"base": 1}}).json
    assert api.patch(f"/v1/queues/{queue}", change).json == before | change


@pytest.mark.parametrize(
    ("backoff", "after"),
    [
        ({"base": 0}, {"base": 0.0}),
        ({"factor": 1.5, "jitter": 1}, {"factor": 1.5, "jitter": 1.0}),
        ({"max": 2_592_000}, {"max": 2_592_000.0}),
        ({}, {}),
    ],
)
def test_a_part_of_the_backoff_may_change(
    api: Api, queue: str, backoff: dict[str, Any], after: dict[str, Any]
) -> None:
    view = api.patch(f"/v1/queues/{queue}", {"backoff": backoff}).json
    assert view["backoff"] == DEFAULTS["backoff"] | after  # type: ignore[operator]


def test_a_wrong_setting_makes_no_queue(api: Api, queue: str) -> None:
    reply = api.patch(f"/v1/queues/{queue}", {"lease": 90, "backoff": {"factor": 0.5}})
    assert (reply.status, reply.fields) == (422, ["/backoff/factor"])
    assert api.get(f"/v1/queues/{queue}").status == 404


def test_new_settings_count_at_once(api: Api, queue: str) -> None:
    create(api, queue)
    api.patch(f"/v1/queues/{queue}", {"max_attempts": 1, "lease": 500})
    id_ = create(api, queue)
    assert read(api, id_)["max_attempts"] == 1
    for job in claim(api, queue, max=2):
        assert 499 < seconds(job["lease"]["expires_at"]) - now() < 501
        update(api, job, status="failed")
    assert read(api, id_)["status"] == "failed"


def test_depths_follow_every_change(api: Api, queue: str) -> None:
    create_many(api, queue, 8)
    create(api, queue, run_at=text(4e9))
    assert depth(api, queue) == {"queued": 8, "scheduled": 1}
    jobs = claim(api, queue, max=5)
    assert depth(api, queue) == {"queued": 3, "scheduled": 1, "running": 5}
    update(api, jobs[0], status="succeeded")
    update(api, jobs[1], status="failed", retry=False)
    update(api, jobs[2], status="failed")
    update(api, jobs[3], status="queued")
    operate(api, jobs[4]["id"], status="cancelled")
    expected = {"queued": 4, "scheduled": 2, "succeeded": 1, "failed": 1, "cancelled": 1}
    assert depth(api, queue) == expected
    operate(api, jobs[0]["id"], silenced=True)
    operate(api, jobs[3]["id"], silenced=True)
    expected |= {"queued": 3, "silenced": 2}
    del expected["succeeded"]
    assert depth(api, queue) == expected


def test_the_age_is_that_of_the_job_that_waits_longest(api: Api, queue: str) -> None:
    assert api.patch(f"/v1/queues/{queue}", {}).json["oldest_ready_age"] is None
    first = create(api, queue, priority=9)
    created = seconds(read(api, first)["created_at"])
    create(api, queue, priority=0)
    # A date long past does not make a job wait since then: it came just now.
    create(api, queue, run_at=text(1_000))
    age = api.get(f"/v1/queues/{queue}").json["oldest_ready_age"]
    assert 0 <= age - (now() - created) < 1 or 0 <= now() - created - age < 1
    claim(api, queue, max=10)
    assert api.get(f"/v1/queues/{queue}").json["oldest_ready_age"] is None


def test_queues_are_listed_by_name_a_page_at_a_time(api: Api, queue: str) -> None:
    names = sorted(f"{queue}.{name}" for name in ("b", "a", "B", "a:1", "a-1", "10", "9"))
    for name in reversed(names):
        create(api, name)
    for limit in (1, 3, 500):
        found, cursor = [], ""
        while cursor is not None:
            page = api.get(f"/v1/queues?limit={limit}{cursor and f'&next={cursor}'}").json
            assert len(page["queues"]) <= limit
            found += [one["name"] for one in page["queues"]]
            cursor = page["next"]
        assert found == sorted(set(found))
        assert [name for name in found if name.startswith(f"{queue}.")] == names
    listed = {one["name"]: one for one in api.get("/v1/queues?limit=500").json["queues"]}
    assert listed[names[0]]["depth"] == {**NONE, "queued": 1}


def test_an_empty_queue_can_be_deleted(api: Api, queue: str) -> None:
    api.patch(f"/v1/queues/{queue}", {"lease": 90, "paused": True})
    reply = api.delete(f"/v1/queues/{queue}")
    assert (reply.status, reply.body) == (204, b"")
    assert api.get(f"/v1/queues/{queue}").code == "not_found"
    assert api.delete(f"/v1/queues/{queue}").code == "not_found"


@pytest.mark.parametrize("finished", [False, True])
def test_a_queue_with_jobs_can_not_be_deleted(api: Api, queue: str, *, finished: bool) -> None:
    job = running(api, queue)
    if finished:
        update(api, job, status="succeeded")
    reply = api.delete(f"/v1/queues/{queue}")
    assert (reply.status, reply.code) == (409, "queue_not_empty")
    assert api.get(f"/v1/queues/{queue}").status == 200


def test_a_deleted_queue_comes_back_with_the_defaults(api: Api, queue: str) -> None:
    api.patch(f"/v1/queues/{queue}", {"max_attempts": 99, "paused": True})
    api.delete(f"/v1/queues/{queue}")
    id_ = create(api, queue)
    assert read(api, id_)["max_attempts"] == 5
    assert claim_one(api, queue)["id"] == id_


def test_a_thousand_queues_and_no_more(start: Start) -> None:
    api = start().api()
    jobs = [{"queue": f"q{i:04}", "type": "t"} for i in range(1_000)]
    assert api.post("/v1/jobs", {"jobs": jobs}).status == 201
    refused = {
        "create": api.post("/v1/jobs", {"queue": "more", "type": "t"}),
        "claim": api.post("/v1/claims", {"queues": ["more"]}),
        "change": api.patch("/v1/queues/more", {"lease": 60}),
    }
    for name, reply in refused.items():
        assert (reply.status, reply.code) == (422, "too_many_queues"), name
    assert api.get("/v1/queues/more").status == 404
    assert api.post("/v1/jobs", {"queue": "q0000", "type": "t"}).status == 201
    assert len(claim(api, "q0000", max=5)) == 2
    pages = [api.get("/v1/queues?limit=500").json]
    pages.append(api.get(f"/v1/queues?limit=500&next={pages[0]['next']}").json)
    assert [len(page["queues"]) for page in pages] == [500, 500]


def test_deleting_a_queue_makes_room_for_another(start: Start) -> None:
    api = start().api()
    jobs = [{"queue": f"q{i}", "type": "t"} for i in range(999)]
    api.post("/v1/jobs", {"jobs": jobs})
    api.patch("/v1/queues/last", {"lease": 60})
    assert api.patch("/v1/queues/more", {}).code == "too_many_queues"
    api.delete("/v1/queues/last")
    assert api.patch("/v1/queues/more", {}).status == 200


def test_the_top_is_what_would_be_claimed_and_claims_nothing(api: Api, queue: str) -> None:
    ids = [create(api, queue, priority=p, payload={"p": p}) for p in (7, 1, 4)]
    operate(api, create(api, queue), silenced=True)
    create(api, queue, run_at=text(4e9))
    reply = api.get(f"/v1/queues/{queue}/top").json
    assert list(reply) == ["jobs", "next"]
    assert [job["payload"] for job in reply["jobs"]] == [{"p": 1}, {"p": 4}, {"p": 7}]
    whole = read(api, ids[1])
    assert reply["jobs"][0] == {k: v for k, v in whole.items() if k not in {"result", "attempts"}}
    assert depth(api, queue)["queued"] == 3
    assert [job["id"] for job in claim(api, queue, max=9)] == [ids[1], ids[2], ids[0]]
    assert top(api, queue) == []


def test_the_top_shows_five_unless_asked_for_more(api: Api, queue: str) -> None:
    ids = create_many(api, queue, 7)
    default = api.get(f"/v1/queues/{queue}/top").json["jobs"]
    assert [job["id"] for job in default] == ids[:5]
    assert top(api, queue, 6) == ids[:6]
    assert top(api, queue, 500) == ids


@pytest.mark.parametrize("name", ["a", "9", "A.b_c:d-e", "q" * 128, "null"])
def test_a_queue_may_be_called(api: Api, queue: str, name: str) -> None:
    full = f"{queue}.{name}"[:128]
    id_ = create(api, full)
    assert api.get(f"/v1/queues/{quote(full)}").json["name"] == full
    assert claim_one(api, full)["id"] == id_
