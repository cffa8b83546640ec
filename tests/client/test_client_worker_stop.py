"""How a worker ends: told to, by a signal, or killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from client_helpers import eventually, running, worker_for
from client_running_server import RunningServer, environment

from jobhopper import (
    ClaimedJob,
    Client,
    NewJob,
)


def test_stop_finishes_what_runs_and_gives_the_rest_back(client: Client, queue: str) -> None:
    ids = client.create_many([NewJob(queue, "w") for _ in range(4)])
    begun, go_on = threading.Event(), threading.Event()

    def handler(_: ClaimedJob) -> str:
        begun.set()
        go_on.wait(20)
        return "finished"

    worker = worker_for(client, queue, handler, hold=4)
    with running(worker) as thread:
        assert begun.wait(10)
        eventually(lambda: client.queue(queue).depth["running"] == 4)
        worker.stop()
        eventually(lambda: client.queue(queue).depth["queued"] == 3)
        assert thread.is_alive()
        go_on.set()
        thread.join(10)
        assert not thread.is_alive()
    jobs = [client.job(id_) for id_ in ids]
    assert [job.status for job in jobs] == ["succeeded", "queued", "queued", "queued"]
    assert [job.failures for job in jobs] == [0] * 4


def test_after_the_grace_a_running_job_is_given_back_too(client: Client, queue: str) -> None:
    id_ = client.create(queue, "w")
    begun, go_on = threading.Event(), threading.Event()
    seen: list[bool] = []

    def handler(job: ClaimedJob) -> str:
        begun.set()
        go_on.wait(20)
        seen.append(job.cancelled)
        return "too late"

    worker = worker_for(client, queue, handler, grace=0.5)
    with running(worker) as thread:
        assert begun.wait(10)
        worker.stop()
        thread.join(8)
        assert not thread.is_alive()
    job = client.job(id_)
    assert (job.status, job.failures) == ("queued", 0)
    go_on.set()
    eventually(lambda: seen == [True])
    assert client.job(id_).status == "queued"


def test_an_idle_worker_stops_at_once(client: Client, queue: str) -> None:
    """Although its claim would wait for a minute; and what is created then stays for others."""
    worker = worker_for(client, queue, lambda _: None, wait=60)
    with running(worker) as thread:
        time.sleep(0.5)
        began = time.monotonic()
        worker.stop()
        thread.join(10)
        assert time.monotonic() - began < 3
    id_ = client.create(queue, "w")
    time.sleep(0.5)
    assert client.job(id_).status == "queued"


def test_a_stop_before_the_run_counts(client: Client, queue: str) -> None:
    client.create(queue, "w")
    worker = worker_for(client, queue, lambda _: None)
    worker.stop()
    began = time.monotonic()
    worker.run()
    assert time.monotonic() - began < 5


PROGRAM = """
import sys, time
from jobhopper import Client, Worker

def handler(job):
    sys.stdout.write(job.id + "\\n")
    sys.stdout.flush()
    time.sleep(float(job.payload))
    return "from " + sys.argv[2]

Worker(Client(), sys.argv[1], handlers={"w": handler}, lease=2, name=sys.argv[2]).run()
"""


@contextmanager
def _process(server: RunningServer, queue: str, name: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, queue, name],
        env=environment({"JOBHOPPER_URL": server.url}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_job_finish(
    server: RunningServer, client: Client, queue: str, number: signal.Signals
) -> None:
    id_ = client.create(queue, "w", 1.5)
    with _process(server, queue, "ada") as process:
        assert _next_line(process) == id_
        os.kill(process.pid, number)
        assert process.wait(10) == 0
    assert client.job(id_).result == "from ada"


def test_a_second_signal_is_not_held_up(server: RunningServer, client: Client, queue: str) -> None:
    client.create(queue, "w", 30)
    with _process(server, queue, "ada") as process:
        _next_line(process)
        process.terminate()
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        assert process.wait(5) == -signal.SIGTERM


@pytest.mark.slow
def test_another_worker_takes_over_from_one_that_was_killed(
    server: RunningServer, client: Client, queue: str
) -> None:
    client.change_queue(queue, backoff={"base": 0})
    id_ = client.create(queue, "w", 2.5)
    with _process(server, queue, "ada") as ada:
        assert _next_line(ada) == id_
        with _process(server, queue, "bob"):
            ada.kill()
            job = client.wait_finished(id_, 20)
    assert (job.status, job.result, job.attempt) == ("succeeded", "from bob", 2)
    assert [(a.outcome, a.worker) for a in job.attempts] == [("expired", "ada")]
