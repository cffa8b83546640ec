"""Producers and workers at a release, who note what they were told."""

import http.client
import threading
import time
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

from jobhopper import Client, JobhopperError

from .cluster import wait_for
from .release import Release

_LEASE, _WAIT, _BATCH = 15, 2, 5


class Threads:
    """Runs loops on threads until the block ends; `errors` holds what ended one of them."""

    def __init__(self, *turns: Callable[[], None]) -> None:
        self.errors: list[str] = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in turns]

    def _run(self, turn: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                turn()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to hear of it
                self.errors.append(f"{type(error).__name__}: {error}")
                time.sleep(0.2)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the loops after the turns that are under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()


class Load:
    """Two producers that retry, as the SDK does, and three workers."""

    def __init__(self, release: Release, queue: str) -> None:
        self.queue = queue
        self.accepted: list[str] = []
        self.lost: list[str] = []
        self._client: Client = release.client(retry_for=120)
        self._producers = Threads(self._produce, self._produce)
        self._workers = Threads(self._work, self._work, self._work)

    def __enter__(self) -> Self:
        self._producers.__enter__()
        self._workers.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._producers.stop()
        self._workers.stop()
        self._client.close()

    def await_all_done(self, seconds: float = 120) -> None:
        """Ends the producing; every job that was accepted is there once, and gets done."""
        self._producers.stop()
        assert self._producers.errors == []
        assert len(set(self.accepted)) == len(self.accepted)
        wait_for(self._all_done, seconds, f"{self._depth()} of {len(self.accepted)} accepted")
        assert self._workers.errors == []

    def _all_done(self) -> bool:
        depth = self._depth()
        # More than were accepted would mean that a create that was repeated made two jobs.
        assert sum(depth.values()) <= len(self.accepted), depth
        return depth.get("succeeded") == len(self.accepted)

    def _depth(self) -> dict[str, int]:
        return {status: n for status, n in self._client.queue(self.queue).depth.items() if n}

    def _produce(self) -> None:
        self.accepted.append(self._client.create(self.queue, "work", {"n": len(self.accepted)}))
        time.sleep(0.02)

    def _work(self) -> None:
        try:
            jobs = self._client.claim(self.queue, max=_BATCH, wait=_WAIT, lease=_LEASE)
            for job in jobs:
                self._client.succeed(job, {"ok": True})
        except JobhopperError as error:
            # A claim that may have arrived is not repeated: its jobs come back by their lease.
            self.lost.append(str(error))


class Prober:
    """Calls with a fresh connection each time and never twice; `failures` holds what went wrong."""

    def __init__(self, release: Release) -> None:
        parts = urlsplit(release.url)
        self._host, self._port = str(parts.hostname), parts.port
        self._headers = {
            "Authorization": f"Bearer {release.key}",
            "Content-Type": "application/json",
        }
        self.calls = 0
        self.failures: list[str] = []
        self._threads = Threads(self._read, self._create)

    def __enter__(self) -> Self:
        self._threads.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._threads.stop()

    def _read(self) -> None:
        self._call("GET", "/v1/queues", "")

    def _create(self) -> None:
        self._call("POST", "/v1/jobs", '{"queue": "probed", "type": "t"}')

    def _call(self, method: str, path: str, body: str) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        self.calls += 1
        try:
            connection.request(method, path, body or None, self._headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                self.failures.append(f"{method} {path}: {answer.status} {answer.read()[:200]!r}")
        except OSError as error:
            self.failures.append(f"{method} {path}: {type(error).__name__} {error}")
        finally:
            connection.close()
        time.sleep(0.03)
