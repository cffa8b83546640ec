"""Producers and workers over HTTP at once, who note what they were answered and how soon."""

import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self

from api.caller import Api, Reply, wait_until
from api.steps import depth, uuid7

from stack.services import Services

# One deadline of 2.8 s a request, and what a busy machine adds.
SOON = 3.0
_WAIT = 1
_BATCH = 5


class Called(NamedTuple):
    """One call: when it began (monotonic), what it took beyond its own wait, and its answer."""

    kind: str
    began: float
    took: float
    status: int
    said: str


class Traffic(AbstractContextManager["Traffic"]):
    """Creates jobs and works them off on one queue, on every API in turn."""

    def __init__(
        self, services: Services, queue: str, producers: int = 2, workers: int = 4
    ) -> None:
        self.queue = queue
        self.calls: list[Called] = []
        self.accepted: set[str] = set()
        self.handed: Counter[str] = Counter()
        self.results: dict[str, str] = {}
        self._ports, self._key = services.ports, services.key
        self._creating, self._working = threading.Event(), threading.Event()
        self._creating.set()
        self._working.set()
        jobs = [self._produce] * producers + [self._work] * workers
        self._threads = [
            threading.Thread(target=job, args=(i,), daemon=True) for i, job in enumerate(jobs)
        ]
        self.api = Api(self._ports[0], self._key)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._creating.clear()
        self._working.clear()
        for thread in self._threads:
            thread.join()
        self.api.close()

    def stop_creating(self) -> None:
        self._creating.clear()

    def await_all_done(self, seconds: float = 30) -> None:
        """Ends the creating, and waits until what was accepted has been done."""
        self.stop_creating()
        wait_until(lambda: set(self.results) >= self.accepted, seconds)
        self._working.clear()
        for thread in self._threads:
            thread.join()
        wait_until(lambda: depth(self.api, self.queue) == {"succeeded": len(self.accepted)}, 10)

    def check_once(self) -> None:
        """Every accepted job was handed out once, and has the result that its worker gave."""
        assert set(self.handed) == self.accepted
        assert {id_: n for id_, n in self.handed.items() if n > 1} == {}
        for id_ in list(self.accepted)[::37]:
            job = self.api.get(f"/v1/jobs/{id_}").json
            assert (job["status"], job["result"]) == ("succeeded", self.results[id_])
            assert (job["attempt"], job["attempts"]) == (1, [])

    def since(self, began: float, until: float = float("inf")) -> list[Called]:
        """The calls that began between the two."""
        return [one for one in self.calls if began <= one.began < until]

    def said(self, kind: str, began: float, until: float = float("inf")) -> set[tuple[int, str]]:
        """The statuses and receipts that calls of a kind were answered with."""
        calls = self.since(began, until)
        return {(one.status, one.said) for one in calls if one.kind == kind}

    def check_soon(self) -> None:
        """No request took longer than it may."""
        late = [one for one in self.calls if one.took > SOON]
        assert late == []

    def _call(self, api: Api, kind: str, method: str, path: str, body: Any, **more: Any) -> Reply:
        headers, wait = more.get("headers"), more.get("wait", 0)
        began = time.monotonic()
        reply = api.call(method, path, body, headers)
        took = time.monotonic() - began - wait
        said = reply.json.get("receipt") or reply.json.get("code") or ""
        self.calls.append(Called(kind, began, took, reply.status, said))
        return reply

    def _produce(self, number: int) -> None:
        api = Api(self._ports[number % len(self._ports)], self._key)
        while self._creating.is_set():
            headers = {"Idempotency-Key": uuid7(time.time())}
            jobs = [{"queue": self.queue, "type": "t", "payload": i} for i in range(_BATCH)]
            # As the SDK does: what was not accepted is sent again under its key.
            while True:
                body = {"jobs": jobs}
                reply = self._call(api, "create", "POST", "/v1/jobs", body, headers=headers)
                if reply.status < 300:
                    break
                time.sleep(0.2)
            self.accepted |= {one["id"] for one in reply.json["jobs"]}
            time.sleep(0.03)
        api.close()

    def _work(self, number: int) -> None:
        api = Api(self._ports[number % len(self._ports)], self._key)
        body = {"queues": [self.queue], "max": _BATCH, "wait": _WAIT, "lease": 300}
        while self._working.is_set():
            reply = self._call(api, "claim", "POST", "/v1/claims", body, wait=_WAIT)
            if reply.status != 200:
                time.sleep(0.2)
                continue
            for job in reply.json["jobs"]:
                self.handed[job["id"]] += 1
                self._finish(api, job, f"{number}:{job['id']}")
        api.close()

    def _finish(self, api: Api, job: dict[str, Any], result: str) -> None:
        said = {"lease": job["lease"]["token"], "status": "succeeded", "result": result}
        while True:
            reply = self._call(api, "update", "PATCH", f"/v1/jobs/{job['id']}", said)
            if reply.status < 300:
                self.results[job["id"]] = result
                return
            assert reply.status == 503, reply
            time.sleep(0.2)
