"""What operators do to a job: cancel, redrive, silence, move, erase; from each status."""

from typing import Any

import pytest

from .caller import Api
from .steps import (
    NO_JOB,
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

AHEAD, PAST = "2090-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000000Z"
STATUSES = ("scheduled", "queued", "running", "succeeded", "failed", "cancelled")


def job_in(api: Api, queue: str, status: str) -> str:
    """A job brought to `status`."""
    if status == "scheduled":
        return create(api, queue, run_at=AHEAD)
    if status == "queued":
        return create(api, queue)
    job = running(api, queue)
    match status:
        case "succeeded":
            update(api, job, status="succeeded", result="done")
        case "failed":
            update(api, job, status="failed", error="boom", retry=False)
        case "cancelled":
            operate(api, job["id"], status="cancelled")
    assert read(api, job["id"])["status"] == status
    return str(job["id"])


ENDS: dict[str, dict[str, str | None]] = {
    "cancel": dict.fromkeys(("scheduled", "queued", "running"))
    | dict.fromkeys(("succeeded", "failed", "cancelled"), "wrong_status"),
    "redrive": dict.fromkeys(("failed", "cancelled"))
    | dict.fromkeys(("scheduled", "queued", "succeeded"), "wrong_status")
    | {"running": "running"},
    "silence": dict.fromkeys(STATUSES) | {"running": "running"},
    "unsilence": dict.fromkeys(STATUSES),
    "priority": dict.fromkeys(("scheduled", "queued", "running"))
    | dict.fromkeys(("succeeded", "failed", "cancelled"), "wrong_status"),
    "run_at": dict.fromkeys(("scheduled", "queued"))
    | dict.fromkeys(("succeeded", "failed", "cancelled"), "wrong_status")
    | {"running": "running"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "cancel": {"status": "cancelled"},
    "redrive": {"status": "queued"},
    "silence": {"silenced": True},
    "unsilence": {"silenced": False},
    "priority": {"priority": 1},
    "run_at": {"run_at": AHEAD},
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", CHANGES)
def test_each_action_from_each_status(api: Api, queue: str, action: str, status: str) -> None:
    id_ = job_in(api, queue, status)
    before, code = read(api, id_), ENDS[action][status]
    reply = operate(api, id_, **CHANGES[action])
    after = read(api, id_)
    if code is not None:
        assert (reply.status, reply.code, after) == (409, code, before)
        return
    assert (reply.status, reply.json) == (200, after)
    expected = {"cancel": {"status": "cancelled"}, "redrive": {"status": "queued"}}.get(
        action, CHANGES[action]
    )
    assert {name: after[name] for name in expected} == expected
    assert after["updated_at"] >= before["updated_at"]


@pytest.mark.parametrize("status", STATUSES)
def test_erasing_from_each_status(api: Api, queue: str, status: str) -> None:
    id_ = job_in(api, queue, status)
    before = read(api, id_)
    reply = api.delete(f"/v1/jobs/{id_}")
    if status == "running":
        assert (reply.status, reply.code, read(api, id_)) == (409, "running", before)
        return
    assert (reply.status, reply.json) == (200, read(api, id_))
    assert reply.json["status"] == status


def test_erasing_removes_what_may_be_personal_and_keeps_the_row(api: Api, queue: str) -> None:
    id_ = create(api, queue, payload={"mail": "ann@example.org"}, max_attempts=2)
    for n in range(2):
        job = claim_one(api, queue)
        update(api, job, progress="ann 50 %")
        update(api, job, status="failed", error=f"no such user ann {n}", retry_in=0)
    before = read(api, id_)
    after = api.delete(f"/v1/jobs/{id_}").json
    gone = {"payload": None, "error": None, "progress": None, "result": None}
    attempts = [{**one, "error": None} for one in before["attempts"]]
    assert after == before | gone | {"attempts": attempts, "updated_at": after["updated_at"]}
    assert b"ann" not in api.get(f"/v1/jobs/{id_}").body
    assert api.get(f"/v1/jobs?queue={queue}&error_contains=ann").json["jobs"] == []


def test_an_erased_job_can_still_be_worked_on(api: Api, queue: str) -> None:
    id_ = create(api, queue, payload="secret")
    api.delete(f"/v1/jobs/{id_}")
    assert claim_one(api, queue)["payload"] is None


def test_a_redriven_job_is_as_new(api: Api, queue: str) -> None:
    id_ = create(api, queue, max_attempts=2, priority=2)
    for _ in range(2):
        update(api, claim_one(api, queue), status="failed", error="boom", retry_in=0)
    operate(api, id_, silenced=True)
    before = now()
    after = operate(api, id_, status="queued").json
    assert (after["status"], after["failures"], after["silenced"]) == ("queued", 0, False)
    assert (after["error"], after["finished_at"]) == (None, None)
    assert (after["attempt"], len(after["attempts"])) == (2, 2)
    assert before - 0.01 <= seconds(after["run_at"]) <= now()
    for n in (3, 4):
        job = claim_one(api, queue)
        assert job["attempt"] == n
        update(api, job, status="failed", retry_in=0)
    assert read(api, id_)["status"] == "failed"


def test_cancelling_a_job_that_waits_takes_it_out_of_the_queue(api: Api, queue: str) -> None:
    ids = create_many(api, queue, 3)
    operate(api, ids[1], status="cancelled")
    assert top(api, queue) == [ids[0], ids[2]]
    assert depth(api, queue) == {"queued": 2, "cancelled": 1}


def test_a_silenced_job_is_hidden_and_comes_back(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    operate(api, id_, silenced=True)
    assert top(api, queue) == []
    assert depth(api, queue) == {"silenced": 1}
    assert api.get(f"/v1/jobs?queue={queue}").json["jobs"] == []
    assert read(api, id_)["silenced"] is True
    operate(api, id_, silenced=False)
    assert top(api, queue) == [id_]
    assert depth(api, queue) == {"queued": 1}


def test_silencing_twice_changes_nothing_the_second_time(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    operate(api, id_, silenced=True)
    assert operate(api, id_, silenced=True).status == 200
    assert depth(api, queue) == {"silenced": 1}


def test_a_silenced_job_comes_due_only_when_it_is_unsilenced(api: Api, queue: str) -> None:
    id_ = create(api, queue, run_at=text(now() + 0.3))
    operate(api, id_, silenced=True)
    other = create(api, queue, run_at=text(now() + 0.4))
    assert claim_one(api, queue, wait=5)["id"] == other
    assert read(api, id_)["status"] == "scheduled"
    operate(api, id_, silenced=False)
    assert claim_one(api, queue, wait=5)["id"] == id_


def test_priority_moves_a_job_in_its_queue(api: Api, queue: str) -> None:
    a, b, c = create_many(api, queue, 3)
    operate(api, c, priority=0)
    assert top(api, queue) == [c, a, b]
    operate(api, a, priority=9)
    assert top(api, queue) == [c, b, a]


def test_the_date_moves_a_job_in_its_queue(api: Api, queue: str) -> None:
    a, b, c = create_many(api, queue, 3)
    operate(api, c, run_at=PAST)
    assert top(api, queue) == [c, a, b]
    assert operate(api, a, run_at=AHEAD).json["status"] == "scheduled"
    assert top(api, queue) == [c, b]
    back = operate(api, a, run_at=PAST).json
    assert (back["status"], back["run_at"]) == ("queued", PAST)
    # The same date as another's: the id decides.
    assert top(api, queue) == [a, c, b]


def test_the_date_is_kept_to_the_millisecond(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    moved = operate(api, id_, run_at="2090-01-01T01:00:00.123999+01:00").json
    assert moved["run_at"] == "2090-01-01T00:00:00.123000Z"


def test_several_changes_come_together_or_not_at_all(api: Api, queue: str) -> None:
    id_ = job_in(api, queue, "failed")
    after = operate(api, id_, status="queued", priority=0, run_at=AHEAD, silenced=True).json
    assert (after["status"], after["priority"], after["run_at"]) == ("scheduled", 0, AHEAD)
    assert after["silenced"] is True
    before = read(api, id_)
    reply = operate(api, id_, status="cancelled", priority=3)
    assert (reply.status, reply.code, read(api, id_)) == (409, "wrong_status", before)


def test_a_running_job_may_be_cancelled_and_silenced_at_once(api: Api, queue: str) -> None:
    id_ = job_in(api, queue, "running")
    after = operate(api, id_, status="cancelled", silenced=True).json
    assert (after["status"], after["silenced"]) == ("cancelled", True)


@pytest.mark.parametrize("change", CHANGES.values())
def test_no_job_is_404(api: Api, change: dict[str, Any]) -> None:
    reply = operate(api, NO_JOB, **change)
    assert (reply.status, reply.code) == (404, "not_found")
    assert api.delete(f"/v1/jobs/{NO_JOB}").code == "not_found"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"status": "running"}, "/status"),
        ({"status": "scheduled"}, "/status"),
        ({"status": None}, "/status"),
        ({"silenced": 1}, "/silenced"),
        ({"silenced": "true"}, "/silenced"),
        ({"silenced": None}, "/silenced"),
        ({"priority": 10}, "/priority"),
        ({"priority": -1}, "/priority"),
        ({"priority": None}, "/priority"),
        ({"run_at": None}, "/run_at"),
        ({"run_at": 1}, "/run_at"),
        ({"run_at": "2026-11-24T06:00:00"}, "/run_at"),
        ({"queue": "other"}, "/queue"),
        ({"result": 1}, "/result"),
        ({"progress": 1}, "/progress"),
        ({"extend": 60}, "/extend"),
    ],
)
def test_a_change_that_is_wrong_is_told_by_field(
    api: Api, queue: str, change: dict[str, Any], field: str
) -> None:
    id_ = create(api, queue)
    before = read(api, id_)
    reply = operate(api, id_, **change)
    assert (reply.status, reply.fields) == (422, [field])
    assert read(api, id_) == before
