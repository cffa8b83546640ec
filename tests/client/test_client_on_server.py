"""The SDK's calls against a real server."""

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from client_fake_http import drop, serving
from client_helpers import claim_one, forward
from client_running_server import NewServer, RunningServer

from jobhopper import (
    Client,
    Conflict,
    Invalid,
    NewJob,
    NotFound,
    Unauthorized,
    WaitTimedOut,
)


def test_a_created_job_is_there_as_it_was_sent(client: Client, queue: str) -> None:
    payload = {"to": "ada@example.com", "ä": ["🐇", 1.5, None, True, 10**30, ""]}
    when = datetime(2090, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    id_ = client.create(queue, "welcome", payload, priority=0, run_at=when, max_attempts=7)
    job = client.job(id_)
    assert (job.id, job.queue, job.type, job.status) == (id_, queue, "welcome", "scheduled")
    assert (job.priority, job.run_at, job.max_attempts) == (0, when, 7)
    assert job.payload == payload
    assert (job.attempt, job.failures, job.attempts, job.result) == (0, 0, [], None)
    assert uuid.UUID(id_).version == 7


def test_a_lost_answer_to_a_create_makes_no_second_job(
    server: RunningServer, client: Client, queue: str
) -> None:
    with (
        serving(forward(server, drop), forward(server)) as between,
        Client(between.url) as through,
    ):
        id_ = through.create(queue, "welcome", {"n": 1})
        assert len(between.seen) == 2
        assert id_ == between.seen[0].headers["Idempotency-Key"]
    assert [job.id for job in client.jobs(queue=queue)] == [id_]


def test_a_lost_answer_to_a_batch_makes_no_second_one(
    server: RunningServer, client: Client, queue: str
) -> None:
    with (
        serving(forward(server, drop), forward(server)) as between,
        Client(between.url) as through,
    ):
        ids = through.create_many([NewJob(queue, "w", n) for n in range(50)])
    assert [job.id for job in client.jobs(queue=queue)] == ids[::-1]


def test_a_callers_own_key_names_one_job(client: Client, queue: str) -> None:
    first = client.create(queue, "w", 1, idempotency_key=f"order-{queue}")
    assert client.create(queue, "w", 1, idempotency_key=f"order-{queue}") == first
    with pytest.raises(Invalid) as caught:
        client.create(queue, "w", 2, idempotency_key=f"order-{queue}")
    assert caught.value.code == "idempotency_mismatch"


def test_many_jobs_keep_their_order(client: Client, queue: str) -> None:
    ids = client.create_many([NewJob(queue, "w", n) for n in range(1_200)])
    claimed = client.claim(queue, max=1_000)
    claimed += client.claim(queue, max=1_000)
    assert [job.id for job in claimed] == ids
    assert [job.payload for job in claimed] == list(range(1_200))


def test_large_payloads_are_split_by_size(client: Client, queue: str) -> None:
    big = "x" * 250_000
    ids = client.create_many([NewJob(queue, "w", big) for _ in range(20)])
    assert len(ids) == len(set(ids)) == client.queue(queue).depth["queued"] == 20


def test_a_refused_value_is_named(client: Client, queue: str) -> None:
    with pytest.raises(Invalid) as caught:
        client.create_many([NewJob(queue, "w"), NewJob(queue, "w", priority=10)])
    assert caught.value.status == 422
    assert [error.field for error in caught.value.errors] == ["/jobs/1/priority"]
    with pytest.raises(NotFound):
        client.queue(queue)


def test_what_does_not_exist(client: Client, queue: str) -> None:
    unknown = "01900000-0000-7000-8000-000000000000"
    calls: list[Callable[[], object]] = [
        lambda: client.job(unknown),
        lambda: client.cancel(unknown),
        lambda: client.queue(queue),
        lambda: client.delete_queue(queue),
        lambda: client.wait_finished(unknown, timeout=1),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()


def test_wait_finished(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    timer = threading.Timer(0.5, lambda: client.succeed(claim_one(client, queue), 42))
    timer.start()
    began = time.monotonic()
    assert client.wait_finished(id_, timeout=20).result == 42
    assert time.monotonic() - began < 5
    timer.join()


def test_wait_finished_gives_up(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    began = time.monotonic()
    with pytest.raises(WaitTimedOut) as caught:
        client.wait_finished(id_, timeout=0.7)
    assert 0.6 < time.monotonic() - began < 3
    assert caught.value.job.status == "queued"


def test_lists_are_read_over_pages(client: Client, queue: str) -> None:
    ids = client.create_many([NewJob(queue, "w", n) for n in range(7)])
    assert [job.id for job in client.jobs(queue=queue, page_size=2)] == ids[::-1]


def test_lists_are_filtered(client: Client, queue: str) -> None:
    kept = client.create(queue, "keep")
    client.create(queue, "other")
    failed = client.create(queue, "bad", priority=0)
    client.fail(claim_one(client, queue), "disk full", retry=False)
    hidden = client.create(queue, "keep")
    client.silence(hidden)

    def found(**filters: Any) -> list[str]:
        return [job.id for job in client.jobs(queue=queue, **filters)]

    assert found(type="keep") == [kept]
    assert found(type="keep", silenced="any") == [hidden, kept]
    assert found(silenced=True) == [hidden]
    assert found(status="failed") == found(error_contains="disk") == [failed]
    assert found(created_before=datetime(2020, 1, 1, tzinfo=UTC)) == []
    assert len(found(created_after=datetime(2020, 1, 1, tzinfo=UTC))) == 3


def test_top_shows_what_a_claim_would_get(client: Client, queue: str) -> None:
    client.create(queue, "w", "second")
    client.create(queue, "w", "first", priority=1)
    client.create(queue, "w", "third")
    assert [job.payload for job in client.top(queue, 2)] == ["first", "second"]
    assert claim_one(client, queue).payload == "first"


def test_operator_changes(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    when = datetime(2090, 1, 1, tzinfo=UTC)
    assert client.set_priority(id_, 9).priority == 9
    assert client.set_run_at(id_, when).run_at == when
    assert client.silence(id_).silenced
    assert not client.unsilence(id_).silenced
    assert client.cancel(id_).status == "cancelled"
    assert client.redrive(id_).status == "queued"
    with pytest.raises(Conflict) as caught:
        client.redrive(id_)
    assert caught.value.code == "wrong_status"
    claim_one(client, queue)
    with pytest.raises(Conflict) as caught:
        client.silence(id_)
    assert caught.value.code == "running"


def test_erase_takes_the_content_and_keeps_the_row(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w", {"private": 1})
    client.succeed(claim_one(client, queue), {"private": 2})
    client.erase(id_)
    job = client.job(id_)
    assert (job.status, job.payload, job.result) == ("succeeded", None, None)


def test_queues(client: Client, queue: str) -> None:
    changed = client.change_queue(queue, lease=7, max_attempts=2, backoff={"base": 0.5})
    assert (changed.lease, changed.max_attempts, changed.backoff.base) == (7, 2, 0.5)
    assert changed.backoff.factor == 2
    assert client.queue(queue) == changed
    client.create(queue, "w")
    assert client.queue(queue).depth["queued"] == 1
    assert queue in [found.name for found in client.queues()]
    with pytest.raises(Conflict) as caught:
        client.delete_queue(queue)
    assert caught.value.code == "queue_not_empty"


def test_an_empty_queue_can_be_deleted(client: Client, queue: str) -> None:
    client.change_queue(queue, lease=7)
    client.delete_queue(queue)
    with pytest.raises(NotFound):
        client.queue(queue)


def test_a_paused_queue_hands_out_nothing(client: Client, queue: str) -> None:
    client.create(queue, "w")
    client.change_queue(queue, paused=True)
    assert client.claim(queue) == []
    client.change_queue(queue, paused=False)
    assert len(client.claim(queue, wait=5)) == 1


def test_system(client: Client) -> None:
    assert client.system()["mode"] == "embedded"


def test_a_key_is_needed_where_there_is_one(
    own_server: NewServer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBHOPPER_KEY", raising=False)
    key = "jh_admin1_0123456789abcdef0123456789abcdef"
    with own_server(JOBHOPPER_ADMIN_KEY=key) as server:
        with Client(server.url, key) as client:
            client.create(queue, "w")
        for wrong in ("", key[:-1] + "0"):
            with Client(server.url, wrong) as client, pytest.raises(Unauthorized) as caught:
                client.create(queue, "w")
            assert key not in str(caught.value)
