"""What happens when a worker is not heard of before its lease ends. One wait serves all tests."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from .caller import Api, wait_until
from .server import Server
from .steps import claim, claim_one, create, depth, read, running, seconds, update

Job = dict[str, Any]
Cases = dict[str, Job]


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[Api]:
    caller = server.api()
    yield caller
    caller.close()


@pytest.fixture(scope="module")
def late(api: Api) -> Cases:
    """Jobs whose leases of a second have ended, each in a queue of its name."""
    cases = {
        "retried": running(api, "late.retried", lease=1),
        "at once": running(api, "late.at-once", lease=1),
        "last": running(api, "late.last", lease=1, max_attempts=1),
        "progress": running(api, "late.progress", lease=1),
        "kept": running(api, "late.kept", lease=1),
    }
    api.patch("/v1/queues/late.at-once", {"backoff": {"base": 0}})
    update(api, cases["progress"], progress="half")
    kept = update(api, cases["kept"], extend=60).json["lease"]
    cases["kept"]["newer"] = kept
    for name in ("retried", "at once", "last", "progress"):
        wait_until(lambda id_=cases[name]["id"]: read(api, id_)["status"] != "running", 5)
    return cases


def test_a_lease_holds_until_its_end_and_not_much_longer(api: Api, late: Cases) -> None:
    (attempt,) = read(api, late["retried"]["id"])["attempts"]
    assert attempt["outcome"] == "expired"
    ended = seconds(attempt["ended_at"]) - seconds(late["retried"]["lease"]["expires_at"])
    assert 0 <= ended < 3


def test_an_expired_attempt_is_a_failure_and_waits_for_its_backoff(api: Api, late: Cases) -> None:
    job = read(api, late["retried"]["id"])
    assert (job["status"], job["failures"], job["lease_until"]) == ("scheduled", 1, None)
    assert job["error"]["type"] == "lease_expired"
    assert 4.4 <= seconds(job["run_at"]) - seconds(job["updated_at"]) <= 5.6


def test_the_last_attempt_that_expires_ends_the_job(api: Api, late: Cases) -> None:
    job = read(api, late["last"]["id"])
    assert (job["status"], job["failures"]) == ("failed", 1)
    assert (job["error"]["type"], job["finished_at"]) == ("lease_expired", job["updated_at"])
    assert depth(api, "late.last") == {"failed": 1}


def test_progress_outlives_an_attempt_that_expired(api: Api, late: Cases) -> None:
    assert read(api, late["progress"]["id"])["progress"] == "half"


@pytest.mark.parametrize(
    "said", [{"status": "succeeded"}, {"status": "failed"}, {"status": "queued"}, {"extend": 9}]
)
def test_a_late_update_is_refused(api: Api, late: Cases, said: Job) -> None:
    before = read(api, late["retried"]["id"])
    reply = update(api, late["retried"], **said)
    assert (reply.status, reply.code) == (409, "lease_expired")
    assert read(api, late["retried"]["id"])["attempts"] == before["attempts"]


def test_the_next_worker_gets_the_job_and_the_late_one_nothing(api: Api, late: Cases) -> None:
    second = claim_one(api, "late.at-once", wait=5)
    assert (second["id"], second["attempt"]) == (late["at once"]["id"], 2)
    assert update(api, late["at once"], status="succeeded", result="late").code == "lease_expired"
    assert update(api, second, status="succeeded", result="second").status == 200
    assert update(api, late["at once"], status="succeeded", result="late").code == "lease_expired"
    assert read(api, second["id"])["result"] == "second"


def test_a_lease_that_was_extended_in_time_holds(api: Api, late: Cases) -> None:
    kept = late["kept"]
    assert read(api, kept["id"])["status"] == "running"
    assert claim(api, "late.kept") == []
    # The first token has expired though the claim goes on: the newest one counts.
    assert update(api, kept, status="succeeded").code == "lease_expired"
    assert update(api, {**kept, "lease": kept["newer"]}, status="succeeded").status == 200


def test_a_token_that_outlives_its_claim_is_stale(api: Api) -> None:
    create(api, "late.token")
    job = claim_one(api, "late.token", lease=60)
    update(api, job, status="failed", retry_in=0)
    second = claim_one(api, "late.token")
    assert update(api, job, extend=60).code == "stale_claim"
    assert update(api, second, extend=60).status == 200


def test_a_waiting_claim_gets_a_job_whose_lease_ended(api: Api) -> None:
    api.patch("/v1/queues/late.waiting", {"backoff": {"base": 0}})
    job = running(api, "late.waiting", lease=1)
    began = time.monotonic()
    second = claim_one(api, "late.waiting", wait=10)
    assert (second["id"], second["attempt"]) == (job["id"], 2)
    assert 1 <= time.monotonic() - began < 4
