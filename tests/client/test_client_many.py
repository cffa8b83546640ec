"""Many jobs or updates in one call."""

from datetime import UTC, datetime
from typing import Any

import pytest
from client_fake_http import answer, problem, serving
from client_samples import claimed_with

from jobhopper import (
    Client,
    InvalidArgument,
    NewJob,
    PartlyCreated,
    Unavailable,
    extension,
    failure,
    giving_back,
    success,
)


def test_many_jobs_are_split_and_keep_their_order() -> None:
    def created(handler: Any) -> None:
        jobs = server.seen[-1].json["jobs"]
        ids = [{"id": str(job["payload"]), "duplicate": False} for job in jobs]
        answer(202, {"jobs": ids, "receipt": "rabbitmq"})(handler)

    with serving(created) as server, Client(server.url) as client:
        ids = client.create_many([NewJob("mail", "w", number) for number in range(2_100)])
        assert ids == [str(number) for number in range(2_100)]
        assert [len(seen.json["jobs"]) for seen in server.seen] == [1_000, 1_000, 100]
        assert len({seen.headers["Idempotency-Key"] for seen in server.seen}) == 3


def test_a_value_that_can_not_be_sent_is_found_before_any_job_is_created() -> None:
    jobs = [NewJob("mail", "w", number) for number in range(1_500)]
    with serving(problem(500, "internal")) as server, Client(server.url) as client:
        with pytest.raises(InvalidArgument):
            client.create_many([*jobs, NewJob("mail", "w", object())])
        assert server.seen == []


def test_a_later_request_that_fails_tells_what_was_created() -> None:
    first = answer(202, {"jobs": [{"id": str(n)} for n in range(1_000)], "receipt": "mysql"})
    jobs = [NewJob("mail", "w", number) for number in range(1_500)]
    with serving(first, problem(422, "invalid")) as server, Client(server.url) as client:
        with pytest.raises(PartlyCreated, match="created 1000 of 1500 jobs") as caught:
            client.create_many(jobs)
        assert caught.value.ids == [str(n) for n in range(1_000)]


def test_a_first_request_that_fails_raises_its_own_error() -> None:
    busy = problem(503, "unavailable", Retry_After="99")
    with serving(busy) as server, Client(server.url) as client, pytest.raises(Unavailable):
        client.create_many([NewJob("mail", "w")])


def test_an_extension_brings_a_new_token_that_the_next_update_carries() -> None:
    renewed = {"token": "jl1.newer", "expires_at": "2026-11-24T06:02:00.000000Z"}
    job = claimed_with("jl1.old")
    with (
        serving(answer(202, {"id": "x", "lease": renewed}), answer(202, {"id": "x"})) as server,
        Client(server.url) as client,
    ):
        lease = client.extend(job, 60)
        client.succeed(job)
        assert server.seen[0].json == {"lease": "jl1.old", "extend": 60}
        assert server.seen[1].json["lease"] == "jl1.newer"
    assert lease is job.lease
    assert lease.expires_at == datetime(2026, 11, 24, 6, 2, tzinfo=UTC)


def test_many_updates_are_judged_alone() -> None:
    renewed = {"token": "jl1.newer", "expires_at": "2026-11-24T06:02:00.000000Z"}
    judged = [
        {"id": "x", "status": 202, "receipt": "rabbitmq", "lease": renewed},
        {"id": "x", "status": 409, "code": "cancelled", "detail": "An operator cancelled it."},
        {"id": "x", "status": 202, "receipt": "rabbitmq"},
        {"id": "x", "status": 422, "code": "invalid", "detail": "is too long"},
    ]
    jobs = [claimed_with(f"jl1.{n}") for n in range(4)]
    with serving(answer(200, {"updates": judged})) as server, Client(server.url) as client:
        outcomes = client.update_many(
            [extension(jobs[0], 9), success(jobs[1]), giving_back(jobs[2]), failure(jobs[3], "e")]
        )
        assert server.seen[0].json == {
            "updates": [
                {"id": "x", "lease": "jl1.0", "extend": 9},
                {"id": "x", "lease": "jl1.1", "status": "succeeded", "result": None},
                {"id": "x", "lease": "jl1.2", "status": "queued"},
                {"id": "x", "lease": "jl1.3", "status": "failed", "error": "e"},
            ]
        }
    assert [outcome.refused and outcome.refused.code for outcome in outcomes] == [
        None,
        "cancelled",
        None,
        "invalid",
    ]
    assert [job.lease.token for job in jobs] == ["jl1.newer", "jl1.1", "jl1.2", "jl1.3"]


def test_no_updates_make_no_request() -> None:
    with serving(answer(500, {})) as server, Client(server.url) as client:
        assert client.update_many([]) == []
        assert server.seen == []
