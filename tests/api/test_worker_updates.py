"""`PATCH /v1/jobs/{id}` with a lease: how an attempt ends, or goes on."""

import itertools
from typing import Any

import pytest

from .caller import Api
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
    top,
    update,
)


def test_success_ends_the_job_with_its_result(api: Api, queue: str) -> None:
    job = running(api, queue)
    reply = update(api, job, status="succeeded", result={"sent": [1, 2]})
    assert (reply.status, reply.json) == (200, {"id": job["id"], "receipt": "mysql"})
    after = read(api, job["id"])
    assert (after["status"], after["result"]) == ("succeeded", {"sent": [1, 2]})
    assert (after["lease_until"], after["error"]) == (None, None)
    assert after["finished_at"] == after["updated_at"]
    assert depth(api, queue) == {"succeeded": 1}


def test_a_success_needs_no_result(api: Api, queue: str) -> None:
    job = running(api, queue)
    assert update(api, job, status="succeeded").status == 200
    assert read(api, job["id"])["result"] is None


def test_a_failure_waits_for_its_backoff(api: Api, queue: str) -> None:
    backoff = {"base": 100, "factor": 3, "max": 250, "jitter": 0}
    api.patch(f"/v1/queues/{queue}", {"backoff": backoff})
    job = running(api, queue)
    for wait in (100, 250, 250):
        assert update(api, job, status="failed", error="boom").status == 200
        after = read(api, job["id"])
        assert (after["status"], after["error"]) == ("scheduled", "boom")
        assert seconds(after["run_at"]) - seconds(after["updated_at"]) == pytest.approx(
            wait, abs=0.002
        )
        operate(api, job["id"], run_at="2020-01-01T00:00:00Z")
        job = claim_one(api, queue)


def test_jitter_spreads_what_failed_together(api: Api, queue: str) -> None:
    backoff = {"base": 1_000, "factor": 1, "jitter": 0.5}
    api.patch(f"/v1/queues/{queue}", {"backoff": backoff})
    create_many(api, queue, 60)
    waits = []
    for job in claim(api, queue, max=60):
        update(api, job, status="failed")
        after = read(api, job["id"])
        waits.append(seconds(after["run_at"]) - seconds(after["updated_at"]))
    assert 500 <= min(waits) < 800
    assert 1_200 < max(waits) <= 1_500


def test_the_worker_may_say_when_to_try_again(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, status="failed", retry_in=1234.5)
    after = read(api, job["id"])
    assert seconds(after["run_at"]) - seconds(after["updated_at"]) == pytest.approx(
        1234.5, abs=0.002
    )
    assert (after["status"], after["failures"]) == ("scheduled", 1)


def test_a_retry_that_is_due_is_queued_at_once(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, status="failed", retry_in=0)
    assert read(api, job["id"])["status"] == "queued"
    assert top(api, queue) == [job["id"]]


def test_without_a_retry_the_job_has_failed_for_good(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, status="failed", error={"why": "no such address"}, retry=False)
    after = read(api, job["id"])
    assert (after["status"], after["failures"]) == ("failed", 1)
    assert after["error"] == {"why": "no such address"}
    assert after["finished_at"] == after["updated_at"]


def test_the_last_attempt_fails_for_good(api: Api, queue: str) -> None:
    id_ = create(api, queue, max_attempts=3)
    for n in range(3):
        job = claim_one(api, queue)
        assert job["attempt"] == n + 1
        update(api, job, status="failed", error=n, retry_in=0)
    after = read(api, id_)
    assert (after["status"], after["failures"], after["error"]) == ("failed", 3, 2)
    assert [(a["attempt"], a["outcome"], a["error"]) for a in after["attempts"]] == [
        (1, "failed", 0),
        (2, "failed", 1),
        (3, "failed", 2),
    ]


def test_a_release_keeps_the_place_and_counts_no_failure(api: Api, queue: str) -> None:
    job = running(api, queue)
    later = create(api, queue)
    assert update(api, job, status="queued").status == 200
    after = read(api, job["id"])
    assert (after["status"], after["attempt"], after["failures"]) == ("queued", 1, 0)
    assert top(api, queue) == [job["id"], later]
    assert [a["outcome"] for a in after["attempts"]] == ["released"]


def test_a_heartbeat_renews_the_token(api: Api, queue: str) -> None:
    job = running(api, queue, lease=30)
    reply = update(api, job, extend=500)
    lease = reply.json["lease"]
    assert (reply.status, set(reply.json)) == (200, {"id", "receipt", "lease"})
    assert lease["token"] != job["lease"]["token"]
    assert read(api, job["id"])["lease_until"] == lease["expires_at"]
    assert 500 <= seconds(lease["expires_at"]) - now() + 1 < 502
    assert update(api, {**job, "lease": lease}, status="succeeded").status == 200


def test_a_heartbeat_never_shortens_a_lease(api: Api, queue: str) -> None:
    job = running(api, queue, lease=3_600)
    reply = update(api, job, extend=1)
    assert reply.json["lease"]["expires_at"] == job["lease"]["expires_at"]
    assert read(api, job["id"])["lease_until"] == job["lease"]["expires_at"]


def test_an_older_token_of_the_same_claim_is_good_until_it_expires(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, extend=600)
    assert update(api, job, status="succeeded").status == 200


def test_progress_is_kept_and_needs_no_extension(api: Api, queue: str) -> None:
    job = running(api, queue)
    reply = update(api, job, progress=[1, {"of": 9}])
    assert (reply.status, set(reply.json)) == (200, {"id", "receipt"})
    after = read(api, job["id"])
    assert (after["progress"], after["status"]) == ([1, {"of": 9}], "running")
    assert after["lease_until"] == job["lease"]["expires_at"]


@pytest.mark.parametrize("end", ["succeeded", "failed", "queued"])
def test_a_last_progress_may_come_with_the_end(api: Api, queue: str, end: str) -> None:
    job = running(api, queue)
    assert update(api, job, status=end, progress="almost").status == 200
    assert read(api, job["id"])["progress"] == "almost"


SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"status": "succeeded", "result": 1}, {"status": "succeeded", "result": 2}),
    ({"status": "failed", "error": "a"}, {"status": "failed", "error": "b"}),
    ({"status": "failed", "error": "a", "retry": False}, {"status": "failed", "error": "b"}),
    ({"status": "queued"}, {"status": "failed"}),
    ({"status": "failed"}, {"status": "queued"}),
    ({"status": "succeeded"}, {"status": "failed", "error": "x"}),
]


@pytest.mark.parametrize(("said", "other"), SAID)
def test_a_repeat_is_accepted_and_another_end_is_not(
    api: Api, queue: str, said: dict[str, Any], other: dict[str, Any]
) -> None:
    job = running(api, queue)
    first, again = update(api, job, **said), update(api, job, **said)
    assert (first.status, again.status, again.json) == (200, 200, first.json)
    before = read(api, job["id"])
    reply = update(api, job, **other)
    expected = "not_running" if before["finished_at"] else "stale_claim"
    assert (reply.status, reply.code) == (409, expected)
    assert read(api, job["id"]) == before


def test_a_repeat_is_accepted_when_the_job_has_gone_on(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, status="failed", error="a", retry_in=0)
    second = claim_one(api, queue)
    assert update(api, job, status="failed", error="a", retry_in=0).status == 200
    assert update(api, job, status="succeeded").code == "stale_claim"
    assert update(api, second, status="succeeded").status == 200


def test_heartbeats_after_the_end_are_refused(api: Api, queue: str) -> None:
    job = running(api, queue)
    update(api, job, status="succeeded")
    for beat in ({"extend": 60}, {"progress": 1}, {"extend": 60, "progress": 1}):
        reply = update(api, job, **beat)
        assert (reply.status, reply.code) == (409, "not_running")


def test_the_worker_of_a_cancelled_job_learns_of_it_at_its_heartbeat(api: Api, queue: str) -> None:
    job = running(api, queue)
    assert operate(api, job["id"], status="cancelled").status == 200
    for said in ({"extend": 60}, {"progress": 1}, {"status": "succeeded"}, {"status": "failed"}):
        reply = update(api, job, **said)
        assert (reply.status, reply.code) == (409, "cancelled")
    assert read(api, job["id"])["status"] == "cancelled"


def test_who_gets_a_cancelled_job_that_was_queued_again_is_heard(api: Api, queue: str) -> None:
    old = running(api, queue)
    operate(api, old["id"], status="cancelled")
    operate(api, old["id"], status="queued")
    new = claim_one(api, queue)
    assert (new["id"], new["attempt"]) == (old["id"], 2)
    assert update(api, new, extend=60).status in {200, 202}
    assert update(api, new, status="succeeded").status in {200, 202}


def test_a_token_from_before_a_redrive_does_not_count(api: Api, queue: str) -> None:
    job = running(api, queue)
    operate(api, job["id"], status="cancelled")
    operate(api, job["id"], status="queued")
    assert update(api, job, status="succeeded").code == "stale_claim"
    second = claim_one(api, queue)
    assert (second["attempt"], update(api, job, extend=60).code) == (2, "stale_claim")


VALUES: dict[str, Any] = {
    "result": 1,
    "error": "e",
    "retry_in": 5,
    "retry": True,
    "extend": 60,
    "progress": 1,
}
ALLOWED = {
    "succeeded": {"result", "progress"},
    "failed": {"error", "retry_in", "retry", "progress"},
    "queued": {"progress"},
    None: {"extend", "progress"},
}
COMBINATIONS = [
    (status, names)
    for status in ALLOWED
    for size in range(4)
    for names in itertools.combinations(VALUES, size)
]


def test_fields_go_together_as_documented_and_not_otherwise(api: Api, queue: str) -> None:
    job = running(api, queue)
    for status, names in COMBINATIONS:
        fields = {name: VALUES[name] for name in names} | ({"status": status} if status else {})
        if set(names) <= ALLOWED[status] and fields:
            continue
        reply = update(api, job, **fields)
        wrong = {f"/{name}" for name in set(names) - ALLOWED[status]} or {"/status"}
        assert reply.status == 422, fields
        assert set(reply.fields) <= wrong, fields
    assert read(api, job["id"])["status"] == "running"


@pytest.mark.parametrize("status", ALLOWED)
def test_all_that_is_allowed_together_is_taken(api: Api, queue: str, status: str | None) -> None:
    for size in range(len(ALLOWED[status]) + 1):
        for names in itertools.combinations(sorted(ALLOWED[status]), size):
            fields = {name: VALUES[name] for name in names}
            fields |= {"status": status} if status else {}
            if fields:
                job = running(api, f"{queue}.{status}.{'.'.join(names)}")
                assert update(api, job, **fields).status == 200, fields


@pytest.mark.parametrize("status", ["cancelled", "running", "scheduled", "done", "", None, 1])
def test_a_worker_sets_no_other_status(api: Api, queue: str, status: object) -> None:
    job = running(api, queue)
    reply = update(api, job, status=status)
    assert (reply.status, reply.fields) == (422, ["/status"])


@pytest.mark.parametrize("field", ["silenced", "priority", "run_at"])
def test_an_operators_fields_do_not_go_with_a_lease(api: Api, queue: str, field: str) -> None:
    job = running(api, queue)
    reply = update(api, job, **{field: 1})
    assert (reply.status, reply.fields) == (422, [f"/{field}"])


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_only_a_worker_ends_a_job_so(api: Api, queue: str, status: str) -> None:
    job = running(api, queue)
    reply = operate(api, job["id"], status=status)
    assert (reply.status, reply.fields) == (422, ["/lease"])
