"""What a worker promises, against a real server."""

import sys
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from client_helpers import eventually, running, worker_for
from client_running_server import NewServer

from jobhopper import (
    ClaimedJob,
    Client,
    Fail,
    Handler,
    InvalidArgument,
    Job,
    NewJob,
    Retry,
    Unauthorized,
)


def _run_one(client: Client, queue: str, handler: Handler, **create: Any) -> Job:
    """The only job of the queue after the worker had all the attempts it could at once."""
    id_ = client.create(queue, "w", **create)
    worker_for(client, queue, handler).run(until_idle=True)
    return client.job(id_)


def test_the_returned_value_is_the_result(client: Client, queue: str) -> None:
    job = _run_one(client, queue, lambda job: {"doubled": job.payload * 2}, payload=21)
    assert (job.status, job.result, job.attempts) == ("succeeded", {"doubled": 42}, [])


def test_the_worker_is_named(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    worker = worker_for(client, queue, lambda _: None, name="ada")
    worker.run(until_idle=True)
    assert client.job(id_).worker == worker.name == "ada"


def test_all_jobs_are_worked_by_several_threads(client: Client, queue: str) -> None:
    """Each handler waits for the others, so the barrier passes only if four run at once."""
    ids = client.create_many([NewJob(queue, "w") for _ in range(12)])
    barrier = threading.Barrier(4, timeout=20)
    worker_for(client, queue, lambda _: barrier.wait() and None, concurrency=4).run(until_idle=True)
    assert {client.job(id_).status for id_ in ids} == {"succeeded"}


@pytest.mark.parametrize(("concurrency", "hold"), [(1, None), (1, 50), (3, 7)])
def test_every_job_is_worked_once(
    client: Client, queue: str, concurrency: int, hold: int | None
) -> None:
    ids = client.create_many([NewJob(queue, "w", n) for n in range(120)])
    worked: list[int] = []
    worker = worker_for(
        client, queue, lambda job: worked.append(job.payload), concurrency=concurrency, hold=hold
    )
    worker.run(until_idle=True)
    assert sorted(worked) == list(range(120))
    assert client.queue(queue).depth["succeeded"] == len(ids)


def test_no_more_than_asked_for(client: Client, queue: str) -> None:
    client.create_many([NewJob(queue, "w") for _ in range(9)])
    worker_for(client, queue, lambda _: None, hold=4).run(max_jobs=5)
    depth = client.queue(queue).depth
    assert (depth["succeeded"], depth["queued"], depth["running"]) == (5, 4, 0)


def test_a_failure_is_told_with_its_traceback(client: Client, queue: str) -> None:
    def explode(_: ClaimedJob) -> None:
        raise ZeroDivisionError("no zeros today")

    job = _run_one(client, queue, explode, max_attempts=1)
    assert job.status == "failed"
    assert job.error["type"] == "ZeroDivisionError"
    assert job.error["message"] == "no zeros today"
    assert "in explode" in job.error["traceback"]


def test_the_longest_failure_is_taken_by_the_server(client: Client, queue: str) -> None:
    def explode(_: ClaimedJob) -> None:
        raise ValueError("\x00🐇\ud800" * 50_000)

    job = _run_one(client, queue, explode, max_attempts=1)
    assert job.status == "failed"
    assert job.error["type"] == "ValueError"


def test_retry_comes_back_after_the_time(client: Client, queue: str) -> None:
    times: list[float] = []

    def handler(job: ClaimedJob) -> int:
        times.append(time.monotonic())
        if job.attempt == 1:
            raise Retry("not yet", in_=1)
        return job.attempt

    id_ = client.create(queue, "w")
    with running(worker_for(client, queue, handler)):
        assert client.wait_finished(id_, 20).result == 2
    assert times[1] - times[0] >= 0.95
    [attempt] = client.job(id_).attempts
    assert attempt.outcome == "failed"
    assert attempt.error["message"] == "not yet"


def test_retry_without_a_time_takes_the_queues_backoff(client: Client, queue: str) -> None:
    def handler(_: ClaimedJob) -> None:
        raise Retry

    client.change_queue(queue, backoff={"base": 1_000, "jitter": 0})
    job = _run_one(client, queue, handler)
    assert job.status == "scheduled"
    assert job.run_at is not None
    assert job.updated_at is not None
    assert abs(job.run_at - job.updated_at - timedelta(seconds=1_000)) < timedelta(seconds=5)


def test_fail_ends_it_however_many_attempts_are_left(client: Client, queue: str) -> None:
    def handler(_: ClaimedJob) -> None:
        raise Fail("out of stock", retry=False)

    job = _run_one(client, queue, handler, max_attempts=50)
    assert (job.status, job.attempt, job.error["message"]) == ("failed", 1, "out of stock")


def test_a_result_that_is_no_json_fails_the_attempt(client: Client, queue: str) -> None:
    job = _run_one(client, queue, lambda _: {1, 2}, max_attempts=1)
    assert job.status == "failed"
    assert "can't be written as JSON" in job.error["message"]


def test_a_result_too_large_fails_the_attempt(client: Client, queue: str) -> None:
    job = _run_one(client, queue, lambda _: "x" * 300_000, max_attempts=1)
    assert job.status == "failed"
    assert "262144" in job.error["message"]


def test_a_type_without_a_handler_fails_the_attempt(client: Client, queue: str) -> None:
    id_ = client.create(queue, "unheard of", max_attempts=1)
    worker_for(client, queue, lambda _: None).run(until_idle=True)
    job = client.job(id_)
    assert job.status == "failed"
    assert "no handler for the type 'unheard of'" in job.error["message"]


def test_a_handler_that_exits_takes_nothing_with_it(client: Client, queue: str) -> None:
    client.create(queue, "w", max_attempts=1)
    client.create(queue, "w", max_attempts=1)
    worker_for(client, queue, lambda _: sys.exit(3)).run(until_idle=True)
    assert client.queue(queue).depth["failed"] == 2


@pytest.mark.slow
def test_heartbeats_keep_a_job_far_beyond_its_lease(client: Client, queue: str) -> None:
    ids = client.create_many([NewJob(queue, "w", n) for n in range(5)])

    def handler(_: ClaimedJob) -> None:
        time.sleep(4)

    # One runs, the others wait here: their leases are kept too. A second is what a busy machine
    # may stand still for.
    worker = worker_for(client, queue, handler, lease=2, hold=5, grace=0)
    with running(worker):
        eventually(lambda: client.queue(queue).depth["succeeded"] == 2, 20)
    jobs = [client.job(id_) for id_ in ids]
    assert [job.attempt for job in jobs] == [1] * 5
    assert [a.outcome for job in jobs for a in job.attempts if a.outcome != "released"] == []


def test_a_cancelled_job_is_noticed_while_it_runs(client: Client, queue: str) -> None:
    noticed = threading.Event()
    id_ = client.create(queue, "w")

    def handler(job: ClaimedJob) -> str:
        eventually(lambda: job.cancelled)
        assert job.lost == "cancelled"
        noticed.set()
        return "too late"

    with running(worker_for(client, queue, handler, lease=3)):
        eventually(lambda: client.job(id_).status == "running")
        client.cancel(id_)
        assert noticed.wait(5)
    job = client.job(id_)
    assert (job.status, job.result) == ("cancelled", None)


@pytest.mark.slow
def test_a_restart_of_the_server_loses_no_work(own_server: NewServer, queue: str) -> None:
    """The result of a job that ends while the server is away is reported once it is back."""
    with own_server() as server, Client(server.url, retry_for=0) as client:
        begun, go_on = threading.Event(), threading.Event()

        def handler(_: ClaimedJob) -> str:
            begun.set()
            go_on.wait(20)
            return "kept"

        first = client.create(queue, "w")
        with running(worker_for(client, queue, handler)):
            assert begun.wait(10)
            server.stop(kill=True)
            go_on.set()
            time.sleep(1)
            server.start()
            assert client.wait_finished(first, 20).result == "kept"
            second = client.create(queue, "w")
            assert client.wait_finished(second, 20).result == "kept"
        assert client.job(first).attempt == 1


def test_a_wrong_key_ends_the_run(
    own_server: NewServer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBHOPPER_KEY", raising=False)
    key = "jh_admin1_0123456789abcdef0123456789abcdef"
    with (
        own_server(JOBHOPPER_ADMIN_KEY=key) as server,
        Client(server.url) as client,
        pytest.raises(Unauthorized),
    ):
        worker_for(client, queue, lambda _: None).run()


@pytest.mark.parametrize(
    "options", [{"lease": 0}, {"lease": 43_201}, {"concurrency": 0}, {"concurrency": 2, "hold": 1}]
)
def test_terms_that_make_no_sense(client: Client, queue: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        worker_for(client, queue, lambda _: None, **options)
