"""`POST /v1/updates`: many updates, each judged as if it had come alone."""

from typing import Any

import pytest

from .caller import Api
from .steps import (
    NO_JOB,
    claim,
    create_many,
    depth,
    now,
    operate,
    read,
    running,
    seconds,
    statuses,
    update,
)

Job = dict[str, Any]


def item(job: Job, **fields: Any) -> Job:
    return {"id": job["id"], "lease": job["lease"]["token"], **fields}


def send(api: Api, *updates: object) -> list[Job]:
    reply = api.post("/v1/updates", {"updates": list(updates)})
    assert (reply.status, list(reply.json)) == (200, ["updates"]), reply
    results: list[Job] = reply.json["updates"]
    assert len(results) == len(updates)
    return results


def claimed(api: Api, queue: str, number: int) -> list[Job]:
    create_many(api, queue, number)
    return claim(api, queue, max=number)


def test_a_thousand_updates_may_come_together(api: Api, queue: str) -> None:
    jobs = claimed(api, queue, 1_000)
    results = send(api, *(item(job, status="succeeded", result=i) for i, job in enumerate(jobs)))
    assert results == [{"id": job["id"], "status": 200, "receipt": "mysql"} for job in jobs]
    assert depth(api, queue) == {"succeeded": 1_000}
    assert read(api, jobs[999]["id"])["result"] == 999


@pytest.mark.parametrize("number", [0, 1_001])
def test_none_and_more_than_a_thousand_are_refused(api: Api, queue: str, number: int) -> None:
    job = running(api, queue)
    body = {"updates": [item(job, status="succeeded")] * number}
    reply = api.post("/v1/updates", body)
    assert (reply.status, reply.fields) == (422, ["/updates"])
    assert read(api, job["id"])["status"] == "running"


def test_each_kind_of_update_works_as_it_does_alone(api: Api, queue: str) -> None:
    jobs = claimed(api, queue, 6)
    results = send(
        api,
        item(jobs[0], status="succeeded", result=1),
        item(jobs[1], status="failed", error="e", retry_in=900),
        item(jobs[2], status="failed", retry=False),
        item(jobs[3], status="queued"),
        item(jobs[4], extend=600),
        item(jobs[5], progress=50),
    )
    assert [one["status"] for one in results] == [200] * 6
    assert statuses(api, *(job["id"] for job in jobs)) == [
        "succeeded",
        "scheduled",
        "failed",
        "queued",
        "running",
        "running",
    ]
    assert seconds(results[4]["lease"]["expires_at"]) > now() + 590
    assert [set(one) for one in results[3:]] == [
        {"id", "status", "receipt"},
        {"id", "status", "receipt", "lease"},
        {"id", "status", "receipt"},
    ]


def test_each_is_judged_alone_and_in_its_place(api: Api, queue: str) -> None:
    good, ended, cancelled, other, last = claimed(api, queue, 5)
    update(api, ended, status="succeeded")
    operate(api, cancelled["id"], status="cancelled")
    forged = {**other, "lease": {"token": "jl1.x.y.z"}}
    results = send(
        api,
        item(good, status="succeeded"),
        item(ended, status="failed"),
        item(cancelled, extend=60),
        item(forged, status="succeeded"),
        item({**other, "id": last["id"]}, status="succeeded"),
        item(other, status="succeeded", error="goes with failed alone"),
        item(last, status="failed", error="boom", retry=False),
    )
    assert [(one["status"], one.get("code")) for one in results] == [
        (200, None),
        (409, "not_running"),
        (409, "cancelled"),
        (422, "lease_invalid"),
        (422, "lease_invalid"),
        (422, "invalid"),
        (200, None),
    ]
    assert all(one["detail"] for one in results if one["status"] != 200)
    assert statuses(api, good["id"], other["id"], last["id"]) == ["succeeded", "running", "failed"]


MALFORMED: list[object] = [
    {},
    [],
    None,
    7,
    "x",
    {"id": NO_JOB},
    {"id": "not-an-id", "lease": "t", "status": "succeeded"},
    {"id": 7, "lease": "t", "status": "succeeded"},
    {"id": NO_JOB, "lease": "t"},
    {"id": NO_JOB, "lease": "t", "status": "done"},
    {"id": NO_JOB, "lease": "t", "extend": 0},
    {"id": NO_JOB, "lease": "t", "extend": 43_201},
    {"id": NO_JOB, "lease": "t", "status": "succeeded", "colour": 1},
    {"id": NO_JOB, "lease": "t", "status": "failed", "retry_in": -1},
    {"id": NO_JOB, "lease": "", "status": "succeeded"},
    {"lease": "t", "status": "succeeded"},
    {"id": f"{NO_JOB}\n", "lease": "t", "status": "succeeded"},
]


def test_what_is_malformed_does_not_spoil_the_others(api: Api, queue: str) -> None:
    jobs = claimed(api, queue, len(MALFORMED))
    mixed = [
        one
        for job, wrong in zip(jobs, MALFORMED, strict=True)
        for one in (wrong, item(job, status="succeeded"))
    ]
    results = send(api, *mixed)
    assert [one["status"] for one in results] == [422, 200] * len(MALFORMED)
    assert all({"status", "code", "detail"} <= set(one) for one in results[::2])
    assert results[5 * 2]["id"] == NO_JOB
    assert results[2 * 2]["id"] is None
    assert depth(api, queue) == {"succeeded": len(MALFORMED)}


def test_a_job_may_stand_in_a_batch_twice(api: Api, queue: str) -> None:
    one, two = claimed(api, queue, 2)
    results = send(
        api,
        item(one, progress=1),
        item(one, extend=600, progress=2),
        item(one, status="succeeded", result="r"),
        item(one, status="succeeded", result="r"),
        item(one, status="failed"),
        item(two, status="queued"),
        item(two, status="succeeded"),
    )
    assert [(r["status"], r.get("code")) for r in results] == [
        (200, None),
        (200, None),
        (200, None),
        (200, None),
        (409, "not_running"),
        (200, None),
        (409, "stale_claim"),
    ]
    after = read(api, one["id"])
    assert (after["status"], after["progress"], after["result"]) == ("succeeded", 2, "r")


def test_a_repeated_batch_is_accepted_again(api: Api, queue: str) -> None:
    jobs = claimed(api, queue, 20)
    updates = [item(job, status="failed", error=i) for i, job in enumerate(jobs)]
    assert send(api, *updates) == send(api, *updates)
    assert depth(api, queue) == {"scheduled": 20}
    assert all(read(api, job["id"])["failures"] == 1 for job in jobs)


def test_an_id_may_be_in_upper_case(api: Api, queue: str) -> None:
    job = running(api, queue)
    (result,) = send(api, {**item(job, status="succeeded"), "id": job["id"].upper()})
    assert (result["status"], read(api, job["id"])["status"]) == (200, "succeeded")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["/updates"]),
        ({"updates": None}, ["/updates"]),
        ({"updates": {}}, ["/updates"]),
        ({"updates": [{}], "queue": "q"}, ["/queue"]),
        ([], [""]),
    ],
)
def test_a_body_without_a_list_is_refused(api: Api, body: object, fields: list[str]) -> None:
    reply = api.post("/v1/updates", body)
    assert (reply.status, reply.fields) == (422, fields)


@pytest.mark.parametrize(
    ("field", "size"), [("result", 256 * 1024), ("error", 16 * 1024), ("progress", 4 * 1024)]
)
def test_bodies_have_their_limits_here_too(api: Api, queue: str, field: str, size: int) -> None:
    status = {"result": "succeeded", "error": "failed"}.get(field)
    head = {"status": status} if status else {}
    jobs = claimed(api, queue, 2)
    results = send(
        api,
        item(jobs[0], **head, **{field: "x" * (size - 2)}),
        item(jobs[1], **head, **{field: "x" * (size - 1)}),
    )
    assert [one["status"] for one in results] == [200, 422]
    assert field in results[1]["detail"]
