"""What a heartbeat does when the server is away or says no."""

import logging

import pytest
from client_fake_http import answer, drop, problem, serving
from client_samples import claimed_with

from jobhopper import Client
from jobhopper.worker.heartbeat import Heartbeat
from jobhopper.worker.held import Held

EXPIRES = "2026-11-24T06:02:00.000000Z"


def _renewed(token: str) -> dict[str, object]:
    return {"id": "x", "status": 202, "lease": {"token": token, "expires_at": EXPIRES}}


def _refused(code: str) -> dict[str, object]:
    return {"id": "x", "status": 409, "code": code, "detail": "no"}


def test_all_leases_are_extended_in_one_request_with_the_newest_tokens() -> None:
    held, jobs = Held(), [claimed_with("a1"), claimed_with("b1")]
    held.add(jobs, lease=30)
    first = answer(200, {"updates": [_renewed("a2"), _renewed("b2")]})
    second = answer(200, {"updates": [_renewed("a3"), _renewed("b3")]})
    with serving(first, second) as server, Client(server.url) as client:
        heartbeat = Heartbeat(client, held, 30)
        heartbeat.beat()
        heartbeat.beat()
        sent = [[(u["lease"], u["extend"]) for u in s.json["updates"]] for s in server.seen]
    assert sent == [[("a1", 30), ("b1", 30)], [("a2", 30), ("b2", 30)]]
    assert [job.lease.token for job in jobs] == ["a3", "b3"]


@pytest.mark.parametrize("code", ["cancelled", "lease_expired", "stale_claim", "not_running"])
def test_a_refused_job_is_lost_and_not_extended_again(code: str) -> None:
    held, jobs = Held(), [claimed_with("a"), claimed_with("b")]
    held.add(jobs, lease=30)
    first = answer(200, {"updates": [_renewed("a"), _refused(code)]})
    second = answer(200, {"updates": [_renewed("a")]})
    with serving(first, second) as server, Client(server.url) as client:
        heartbeat = Heartbeat(client, held, 30)
        heartbeat.beat()
        heartbeat.beat()
        assert len(server.seen[1].json["updates"]) == 1
    assert [job.lost for job in jobs] == [None, code]


@pytest.mark.parametrize("behaviour", [drop, problem(503, "unavailable", Retry_After="9")])
def test_a_beat_that_fails_leaves_the_lease_until_its_end(
    behaviour: object, caplog: pytest.LogCaptureFixture
) -> None:
    held, job = Held(), claimed_with("secret")
    with serving(behaviour) as server, Client(server.url) as client:
        heartbeat = Heartbeat(client, held, 30)
        held.add([job], lease=30)
        heartbeat.beat()
        assert not job.cancelled
        held.add([job], lease=-1)
        with caplog.at_level(logging.DEBUG, "jobhopper"):
            heartbeat.beat()
        assert job.lost == "lease_expired"
        # Its next beat is the repeat: trying longer would only delay it.
        assert len(server.seen) == 2
    assert "lease ran out" in caplog.text
    assert "secret" not in caplog.text


def test_without_jobs_nothing_is_sent() -> None:
    with serving(drop) as server, Client(server.url) as client:
        Heartbeat(client, Held(), 30).beat()
        assert server.seen == []
