"""Claims and updates by workers, against a real server."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from client_fake_http import drop, serving
from client_helpers import claim_one, forward
from client_running_server import RunningServer

from jobhopper import (
    Client,
    Invalid,
    LeaseLost,
    NewJob,
    extension,
    failure,
    giving_back,
    success,
)


def test_claim_and_succeed(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w", {"n": 1})
    job = claim_one(client, queue, lease=30, worker="ada")
    assert (job.id, job.queue, job.type, job.payload) == (id_, queue, "w", {"n": 1})
    assert (job.attempt, job.max_attempts, job.provisional) == (1, 5, False)
    assert timedelta(seconds=25) < job.lease.expires_at - datetime.now(UTC) < timedelta(seconds=31)
    assert client.job(id_).worker == "ada"
    client.succeed(job, {"sum": [1, 2.5, "ä"]})
    done = client.job(id_)
    assert (done.status, done.result, done.finished) == ("succeeded", {"sum": [1, 2.5, "ä"]}, True)
    assert done.finished_at is not None


def test_an_empty_queue_answers_after_the_wait(client: Client, queue: str) -> None:
    began = time.monotonic()
    assert client.claim(queue, wait=1) == []
    assert 0.9 < time.monotonic() - began < 3


def test_a_waiting_claim_gets_a_job_as_it_comes(client: Client, queue: str) -> None:
    timer = threading.Timer(0.5, client.create, (queue, "w"))
    timer.start()
    began = time.monotonic()
    assert len(client.claim(queue, wait=20)) == 1
    assert time.monotonic() - began < 5
    timer.join()


def test_the_first_queue_named_comes_first(client: Client, queue: str) -> None:
    client.create(f"{queue}-b", "w")
    client.create(f"{queue}-a", "w")
    jobs = client.claim([f"{queue}-a", f"{queue}-b"], max=2)
    assert [job.queue for job in jobs] == [f"{queue}-a", f"{queue}-b"]


def test_fail_and_try_again(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    client.fail(claim_one(client, queue), {"type": "Oops", "message": "no"}, retry_in=0)
    again = claim_one(client, queue, wait=5)
    assert again.attempt == 2
    client.fail(again, "for good", retry=False)
    job = client.job(id_)
    assert (job.status, job.failures, job.error) == ("failed", 2, "for good")
    assert [(a.attempt, a.outcome, a.error) for a in job.attempts] == [
        (1, "failed", {"type": "Oops", "message": "no"}),
        (2, "failed", "for good"),
    ]


def test_retry_in_is_kept(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    client.fail(claim_one(client, queue), "later", retry_in=500.5)
    job = client.job(id_)
    assert job.status == "scheduled"
    assert job.run_at is not None
    assert timedelta(seconds=490) < job.run_at - datetime.now(UTC) < timedelta(seconds=501)


def test_a_job_given_back_counts_no_failure(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    client.release(claim_one(client, queue))
    job = client.job(id_)
    assert (job.status, job.failures, job.attempt) == ("queued", 0, 1)
    assert claim_one(client, queue).attempt == 2


def test_extend_brings_a_new_token_that_counts(client: Client, queue: str) -> None:
    client.create(queue, "w")
    job = claim_one(client, queue, lease=30)
    first = job.lease
    assert client.extend(job, 600) is job.lease
    assert job.lease.token != first.token
    assert job.lease.expires_at - first.expires_at > timedelta(seconds=500)
    client.succeed(job)


def test_progress_shows(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    job = claim_one(client, queue)
    client.progress(job, {"done": 3, "of": 10})
    assert client.job(id_).progress == {"done": 3, "of": 10}
    client.release(job)
    assert claim_one(client, queue).progress == {"done": 3, "of": 10}


def test_an_update_after_the_lease_is_refused(client: Client, queue: str) -> None:
    client.create(queue, "w")
    job = claim_one(client, queue, lease=1)
    time.sleep(1.2)
    with pytest.raises(LeaseLost) as caught:
        client.succeed(job)
    assert caught.value.code == "lease_expired"


def test_an_update_after_a_cancel_is_refused(client: Client, queue: str) -> None:
    client.create(queue, "w")
    job = claim_one(client, queue)
    assert client.cancel(job.id).status == "cancelled"
    with pytest.raises(LeaseLost) as caught:
        client.extend(job, 60)
    assert caught.value.code == "cancelled"


def test_a_second_end_is_refused(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    job = claim_one(client, queue)
    client.succeed(job, "first")
    with pytest.raises(LeaseLost):
        client.fail(job, "second")
    assert client.job(id_).result == "first"


def test_a_forged_token_is_refused(client: Client, queue: str) -> None:
    client.create(queue, "w")
    job = claim_one(client, queue)
    job.lease = type(job.lease)(job.lease.token[:-3] + "AAA", job.lease.expires_at)
    with pytest.raises(Invalid) as caught:
        client.succeed(job)
    assert caught.value.code == "lease_invalid"


def test_a_lost_answer_to_an_end_does_no_harm(
    server: RunningServer, client: Client, queue: str
) -> None:
    id_ = client.create(queue, "w")
    with (
        serving(forward(server), forward(server, drop), forward(server)) as between,
        Client(between.url) as through,
    ):
        job = claim_one(through, queue)
        through.succeed(job, "once")
        assert len(between.seen) == 3
    assert (client.job(id_).status, client.job(id_).result) == ("succeeded", "once")


def test_many_updates_at_once(client: Client, queue: str) -> None:
    ids = client.create_many([NewJob(queue, "w") for _ in range(5)])
    jobs = client.claim(queue, max=5, lease=30)
    client.cancel(ids[4])
    before = jobs[0].lease.token
    outcomes = client.update_many(
        [
            extension(jobs[0], 300),
            success(jobs[1], "done"),
            failure(jobs[2], "no", retry=False),
            giving_back(jobs[3]),
            success(jobs[4], "too late"),
        ]
    )
    assert [outcome.refused and outcome.refused.code for outcome in outcomes] == [
        None,
        None,
        None,
        None,
        "cancelled",
    ]
    assert isinstance(outcomes[4].refused, LeaseLost)
    assert [client.job(id_).status for id_ in ids] == [
        "running",
        "succeeded",
        "failed",
        "queued",
        "cancelled",
    ]
    assert jobs[0].lease.token != before
