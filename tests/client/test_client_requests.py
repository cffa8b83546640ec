"""Each call sends what the API's contract says, and reads what it answers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from client_fake_http import Seen, answer, serving
from client_samples import CLAIMED, claimed_with

from jobhopper import (
    Client,
    InvalidArgument,
    NewJob,
    success,
)

JOB = {"id": "x", "status": "queued"}
QUEUE = {
    "name": "mail",
    "paused": False,
    "lease": 60,
    "max_attempts": 5,
    "backoff": {"base": 5, "factor": 2, "max": 3600, "jitter": 0.1},
    "silence_after": None,
    "depth": {"queued": 3},
    "oldest_ready_age": 1.5,
}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _sent(call: Callable[[Client], Any], body: Any, status: int = 200) -> Seen:
    with serving(answer(status, body)) as server, Client(server.url) as client:
        call(client)
        return server.seen[0]


@pytest.mark.parametrize(
    ("call", "answered", "method", "target", "body"),
    [
        (
            lambda c: c.create("mail", "welcome", {"to": "ä"}),
            JOB,
            "POST",
            "/v1/jobs",
            {"queue": "mail", "type": "welcome", "payload": {"to": "ä"}},
        ),
        (
            lambda c: c.create("mail", "w", [1], priority=0, run_at=NOON, max_attempts=1),
            JOB,
            "POST",
            "/v1/jobs",
            {
                "queue": "mail",
                "type": "w",
                "payload": [1],
                "priority": 0,
                "run_at": "2026-11-24T12:00:00.000000Z",
                "max_attempts": 1,
            },
        ),
        (
            lambda c: c.claim("a"),
            {"jobs": []},
            "POST",
            "/v1/claims",
            {"queues": ["a"], "max": 1, "wait": 0},
        ),
        (
            lambda c: c.claim(["a", "b"], max=10, lease=5, wait=0.5, worker="w"),
            {"jobs": []},
            "POST",
            "/v1/claims",
            {"queues": ["a", "b"], "max": 10, "lease": 5, "wait": 0.5, "worker": "w"},
        ),
        (
            lambda c: c.succeed(CLAIMED, {"n": 1}),
            {"id": "x"},
            "PATCH",
            "/v1/jobs/x",
            {"lease": "jl1.token", "status": "succeeded", "result": {"n": 1}},
        ),
        (
            lambda c: c.fail(CLAIMED, "no"),
            {"id": "x"},
            "PATCH",
            "/v1/jobs/x",
            {"lease": "jl1.token", "status": "failed", "error": "no"},
        ),
        (
            lambda c: c.fail(CLAIMED, {"a": 1}, retry_in=0, retry=False),
            {"id": "x"},
            "PATCH",
            "/v1/jobs/x",
            {
                "lease": "jl1.token",
                "status": "failed",
                "error": {"a": 1},
                "retry_in": 0,
                "retry": False,
            },
        ),
        (
            lambda c: c.release(CLAIMED),
            {"id": "x"},
            "PATCH",
            "/v1/jobs/x",
            {"lease": "jl1.token", "status": "queued"},
        ),
        (
            lambda c: c.progress(CLAIMED, 0.5),
            {"id": "x"},
            "PATCH",
            "/v1/jobs/x",
            {"lease": "jl1.token", "progress": 0.5},
        ),
        (lambda c: c.job("x"), JOB, "GET", "/v1/jobs/x", None),
        (lambda c: c.cancel("x"), JOB, "PATCH", "/v1/jobs/x", {"status": "cancelled"}),
        (lambda c: c.redrive("x"), JOB, "PATCH", "/v1/jobs/x", {"status": "queued"}),
        (lambda c: c.silence("x"), JOB, "PATCH", "/v1/jobs/x", {"silenced": True}),
        (lambda c: c.unsilence("x"), JOB, "PATCH", "/v1/jobs/x", {"silenced": False}),
        (lambda c: c.set_priority("x", 0), JOB, "PATCH", "/v1/jobs/x", {"priority": 0}),
        (
            lambda c: c.set_run_at("x", NOON.astimezone(timezone(timedelta(hours=2)))),
            JOB,
            "PATCH",
            "/v1/jobs/x",
            {"run_at": "2026-11-24T12:00:00.000000Z"},
        ),
        (lambda c: c.erase("x"), JOB, "DELETE", "/v1/jobs/x", None),
        (lambda c: c.top("mail", 3), {"jobs": [JOB]}, "GET", "/v1/queues/mail/top?n=3", None),
        (lambda c: c.queue("a/b"), QUEUE, "GET", "/v1/queues/a%2Fb", None),
        (
            lambda c: c.change_queue("mail", paused=False, backoff={"base": 1}),
            QUEUE,
            "PATCH",
            "/v1/queues/mail",
            {"paused": False, "backoff": {"base": 1}},
        ),
        (lambda c: c.delete_queue("mail"), None, "DELETE", "/v1/queues/mail", None),
        (lambda c: c.system(), {"version": "1"}, "GET", "/v1/system", None),
    ],
)
def test_sent(
    call: Callable[[Client], Any], answered: Any, method: str, target: str, body: Any
) -> None:
    seen = _sent(call, answered)
    assert (seen.method, seen.target) == (method, target)
    assert (seen.json if seen.body else None) == body


def test_an_id_can_not_leave_its_place_in_the_path() -> None:
    assert _sent(lambda c: c.job("../queues?x=1"), JOB).target == "/v1/jobs/..%2Fqueues%3Fx%3D1"


def test_filters() -> None:
    seen = _sent(
        lambda c: list(
            c.jobs(
                queue="mail",
                status="failed",
                type="a b",
                created_after=NOON,
                created_before=NOON,
                silenced=False,
                error_contains="x&y",
                page_size=7,
            )
        ),
        {"jobs": [], "next": None},
    )
    assert seen.target == (
        "/v1/jobs?queue=mail&status=failed&type=a+b"
        "&created_after=2026-11-24T12%3A00%3A00.000000Z"
        "&created_before=2026-11-24T12%3A00%3A00.000000Z"
        "&silenced=false&error_contains=x%26y&limit=7"
    )


def test_pages_are_followed_over_empty_ones() -> None:
    """A list that ran into the server's time bound comes in part, perhaps empty, with `next`."""
    pages = [
        answer(200, {"jobs": [{**JOB, "id": "1"}, {**JOB, "id": "2"}], "next": "p2"}),
        answer(200, {"jobs": [], "next": "p3"}),
        answer(200, {"jobs": [{**JOB, "id": "3"}], "next": None}),
    ]
    with serving(*pages) as server, Client(server.url) as client:
        assert [job.id for job in client.jobs(queue="q")] == ["1", "2", "3"]
        assert [seen.target for seen in server.seen] == [
            "/v1/jobs?queue=q&limit=100",
            "/v1/jobs?queue=q&limit=100&next=p2",
            "/v1/jobs?queue=q&limit=100&next=p3",
        ]


def test_pages_are_read_as_they_are_needed() -> None:
    page = answer(200, {"jobs": [JOB, JOB], "next": "more"})
    with serving(page) as server, Client(server.url) as client:
        next(iter(client.jobs()))
        assert len(server.seen) == 1


def test_a_time_without_a_zone_is_refused() -> None:
    with Client() as client, pytest.raises(InvalidArgument, match="time zone"):
        client.create("mail", "welcome", run_at=datetime(2026, 11, 24))  # noqa: DTZ001


def test_neither_token_nor_payload_shows_in_text() -> None:
    job = claimed_with("jl1.secret")
    job.payload = "private"
    assert "secret" not in repr(job)
    assert "private" not in repr(job) + repr(success(job, "private"))
    assert "private" not in repr(NewJob("mail", "w", "private"))
