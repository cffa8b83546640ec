"""Producers, workers, an operator and a reader at once, on both APIs, at a steady modest pace."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from typing import Any, Self

from api.caller import Api
from api.steps import uuid7
from faults_calls import Calls

from stack.services import Services

# Less is worked off than created, and there is a stock to begin with: in every column there is
# work to hand out, also while new jobs can't arrive.
_PRODUCERS, _WORKERS = 2, 4
_STOCK = 450
_BATCH, _CREATE_PAUSE = 3, 0.15
_TAKEN, _WORK_PAUSE = 2, 0.25
_PARKED = 5
_LEASE = 300
_RETRY = 0.2
# At the end what is left is worked off in large portions.
_REST = 50


class Traffic(AbstractContextManager["Traffic"]):
    """Notes what was accepted, handed out and done; `calls` has every answer."""

    def __init__(self, services: Services, queue: str) -> None:
        self.queue = queue
        self.calls = Calls()
        self.accepted: set[str] = set()
        self.handed: Counter[str] = Counter()
        self.results: dict[str, str] = {}
        self.errors: list[BaseException] = []
        self._apis = [Api(port, services.key) for port in services.ports]
        self._ending, self._draining = threading.Event(), threading.Event()
        self._parked: list[str] = []
        jobs = [*[self._produce] * _PRODUCERS, *[self._work] * _WORKERS, self._operate, self._read]
        self._threads = [
            threading.Thread(target=self.guarded, args=(job, self._apis[i % 2], i))
            for i, job in enumerate(jobs)
        ]

    def __enter__(self) -> Self:
        """Lays in a stock, and starts."""
        self._parked = self._persist("parked", _PARKED)
        self.accepted |= set(self._persist("", _STOCK))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._draining.set()
        self._ending.set()
        for thread in self._threads:
            thread.join()
        for api in self._apis:
            api.close()

    def check_unhurt(self) -> None:
        """Raises what went wrong on its threads: an answer that has no form, most often."""
        if self.errors:
            raise self.errors[0]

    def drain(self) -> None:
        """Only workers go on, as fast as they can; what was accepted is known when it returns."""
        self._draining.set()
        for thread in (*self._threads[:_PRODUCERS], *self._threads[_PRODUCERS + _WORKERS :]):
            thread.join()

    def _persist(self, name: str, number: int) -> list[str]:
        jobs = [{"queue": self._named(name), "type": "t", "payload": i} for i in range(number)]
        reply = self._apis[0].post("/v1/jobs?wait=persisted&timeout=10", {"jobs": jobs})
        assert reply.status == 201, reply
        return [one["id"] for one in reply.json["jobs"]]

    def _named(self, name: str) -> str:
        return f"{self.queue}.{name}" if name else self.queue

    def guarded(self, job: Callable[..., None], *arguments: object) -> None:
        """What a thread runs: an error is kept for the test."""
        try:
            job(*arguments)
        except BaseException as error:  # noqa: BLE001
            self.errors.append(error)

    def _produce(self, api: Api, _number: int) -> None:
        while not self._draining.wait(_CREATE_PAUSE):
            headers = {"Idempotency-Key": uuid7(time.time())}
            body = {
                "jobs": [{"queue": self.queue, "type": "t", "payload": i} for i in range(_BATCH)]
            }
            # As the SDK does: what was not accepted is sent again under its key.
            while not self._ending.is_set():
                reply = self.calls.call(api, "create", "POST", "/v1/jobs", body, headers=headers)
                if 200 <= reply.status < 300:
                    self.accepted |= {one["id"] for one in reply.json["jobs"]}
                    break
                time.sleep(_RETRY)

    def _work(self, api: Api, number: int) -> None:
        while not self._ending.is_set():
            draining = self._draining.is_set()
            size = _REST if draining else _TAKEN
            body = {"queues": [self.queue], "max": size, "wait": 1, "lease": _LEASE}
            reply = self.calls.call(api, "claim", "POST", "/v1/claims", body, wait=1)
            jobs = reply.json["jobs"] if reply.status == 200 else []
            # Noted at once: what was handed out counts, whatever becomes of it.
            self.handed.update(job["id"] for job in jobs)
            if draining:
                self._finish_many(api, jobs, number)
            else:
                for job in jobs:
                    self._finish(api, job, number)
                time.sleep(_WORK_PAUSE)

    def _finish(self, api: Api, job: dict[str, Any], number: int) -> None:
        path, said = f"/v1/jobs/{job['id']}", _finished(job, number)
        while not self._ending.is_set():
            reply = self.calls.call(api, "update", "PATCH", path, said)
            if 200 <= reply.status < 300:
                self.results[job["id"]] = said["result"]
                return
            if reply.status not in {0, 503}:
                return
            time.sleep(_RETRY)

    def _finish_many(self, api: Api, jobs: list[dict[str, Any]], number: int) -> None:
        if not jobs:
            return
        said = [{"id": job["id"], **_finished(job, number)} for job in jobs]
        reply = self.calls.call(api, "updates", "POST", "/v1/updates", {"updates": said})
        assert reply.status == 200, reply
        assert {one["status"] for one in reply.json["updates"]} == {202}, reply
        self.results |= {one["id"]: one["result"] for one in said}

    def _operate(self, _api: Api, _number: int) -> None:
        mine = self._parked[-1]
        for number in count():
            if self._draining.wait(0.25):
                return
            api, said = self._apis[number % len(self._apis)], {"priority": number % 10}
            self.calls.call(api, "operate", "PATCH", f"/v1/jobs/{mine}", said)

    def _read(self, _api: Api, _number: int) -> None:
        parked = self._named("parked")
        ways = {
            "job": f"/v1/jobs/{self._parked[0]}",
            "top": f"/v1/queues/{parked}/top",
            "list": f"/v1/jobs?queue={parked}",
            "system": "/v1/system",
        }
        for number in count():
            for kind, path in ways.items():
                if self._draining.wait(0.07):
                    return
                reply = self.calls.call(self._apis[number % 2], kind, "GET", path)
                if reply.status == 200 and kind in {"top", "list"}:
                    assert {one["id"] for one in reply.json["jobs"]} == set(self._parked), reply


def _finished(job: dict[str, Any], number: int) -> dict[str, Any]:
    result = f"{number}:{job['id']}"
    return {"lease": job["lease"]["token"], "status": "succeeded", "result": result}
