"""What several of the client's tests use."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from client_fake_http import Behaviour, Handler
from client_running_server import RunningServer

from jobhopper import ClaimedJob, Client, Worker
from jobhopper import Handler as JobHandler


def claim_one(client: Client, queue: str, **terms: Any) -> ClaimedJob:
    [job] = client.claim(queue, **terms)
    return job


def forward(to: RunningServer, afterwards: Behaviour | None = None) -> Behaviour:
    """Hands the request on to the real server; the answer may get lost on its way back."""

    def behave(handler: Handler) -> None:
        seen = handler.fake.seen[-1]
        answer = urllib3.request(
            seen.method, to.url + seen.target, body=seen.body, headers=seen.headers
        )
        if afterwards is not None:
            afterwards(handler)
        else:
            handler.send_body(answer.status, answer.data)

    return behave


def worker_for(client: Client, queue: str, handler: JobHandler, **options: Any) -> Worker:
    options = {"lease": 30, "wait": 1} | options
    return Worker(client, queue, handlers={"w": handler}, **options)


@contextmanager
def running(worker: Worker) -> Iterator[threading.Thread]:
    """Runs the worker in a thread and stops it at the end."""
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield thread
    finally:
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.05)
