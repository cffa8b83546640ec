"""Jobs through every status, again and again, until told to stop."""

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from http.client import HTTPException
from typing import Any, Self

from api.caller import Api

_PAUSE = 0.2
_QUEUES = ("mail", "thumbnails")


class Load(AbstractContextManager["Load"]):
    """A thread for each of two ports. Errors of a store that is away are part of the game."""

    def __init__(self, ports: Sequence[int], key: str) -> None:
        self.api = Api(ports[0], key)
        self._running = threading.Event()
        self._running.set()
        self._threads = [
            threading.Thread(target=self._run, args=(Api(port, key), queue), daemon=True)
            for port, queue in zip(ports, _QUEUES, strict=True)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._running.clear()
        for thread in self._threads:
            thread.join()
        self.api.close()

    def _run(self, api: Api, queue: str) -> None:
        while self._running.is_set():
            # An API that was killed closes its connections.
            with suppress(OSError, HTTPException):
                _round(api, queue)
            # Enough for every panel, and something of the machine left for what runs beside.
            time.sleep(_PAUSE)
        api.close()


def _round(api: Api, queue: str) -> None:
    _create(api, queue)
    for job in _claimed(api, queue):
        _work(api, job)
    api.get(f"/v1/jobs?queue={queue}")


def _create(api: Api, queue: str) -> None:
    jobs = [{"queue": queue, "type": kind} for kind in ("good",) * 8 + ("bad", "slow", "late")]
    jobs.append({"queue": queue, "type": "never", "max_attempts": 1})
    jobs.append({"queue": queue, "type": "later", "run_at": "2099-01-01T00:00:00Z"})
    api.post("/v1/jobs", {"jobs": jobs})


def _claimed(api: Api, queue: str) -> list[dict[str, Any]]:
    body = {"queues": [queue], "max": 10, "wait": 1, "worker": "w1", "lease": 30}
    reply = api.post("/v1/claims", body)
    found: list[dict[str, Any]] = reply.json["jobs"] if reply.status == 200 else []
    return found


def _work(api: Api, job: dict[str, Any]) -> None:
    lease = {"lease": job["lease"]["token"]}
    path = f"/v1/jobs/{job['id']}"
    if job["type"] == "slow":
        api.patch(path, {**lease, "extend": 30, "progress": 50})
    if job["type"] == "late" and job["attempt"] == 1:
        api.patch(path, {**lease, "status": "queued"})
    elif job["type"] in {"bad", "never"}:
        api.patch(path, {**lease, "status": "failed", "error": "no", "retry_in": 3600})
    else:
        api.patch(path, {**lease, "status": "succeeded", "result": 1})
