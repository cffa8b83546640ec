"""The row of timers: a scheduled job that becomes due, a lease that runs out, one that is kept."""

import threading
import time
from contextlib import AbstractContextManager
from typing import Any, Self

from api.caller import Api
from api.steps import text
from faults_table import BACK, Course
from faults_traffic import Traffic

from stack.services import Services

# A lease ends when a tick has come that is ten seconds later, and a tick comes each second.
EXPIRES_WITHIN = 12.5
_DUE_WITHIN = 2.5
_LAPSING, _KEPT, _EXTENDED = 1, 6, 120


class Timers(AbstractContextManager["Timers"]):
    """Made before the fault. A worker waits for the scheduled job throughout."""

    def __init__(self, services: Services, traffic: Traffic, due_in: float) -> None:
        self.queue = f"{traffic.queue}.timers"
        self._traffic = traffic
        self._apis = [Api(port, services.key) for port in services.ports]
        self._lapsing = self._held(_LAPSING)
        self.lapsed_at = time.monotonic() + _LAPSING
        self._kept = self._held(_KEPT)
        self.due_at = time.monotonic() + due_in
        self._due = self._create(run_at=text(time.time() + due_in))
        self.handed: list[tuple[str, float]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=traffic.guarded, args=(self._wait,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        for api in self._apis:
            api.close()

    def keep(self) -> None:
        """A heartbeat for the one lease, which has to hold whatever comes then."""
        body = {"lease": self._kept["lease"]["token"], "extend": _EXTENDED}
        reply = self._apis[0].patch(f"/v1/jobs/{self._kept['id']}", body)
        assert reply.status == 202, reply
        self._kept["lease"] = reply.json["lease"]

    def expired(self) -> bool:
        """Whether the lease that ran out has been ended."""
        job = self._read(self._lapsing["id"])
        ended = [one["outcome"] for one in job["attempts"]]
        assert ended in ([], ["expired"]), job
        assert job["failures"] == len(ended), job
        return bool(ended)

    def check_promotion(self, course: Course, *, promotes: bool) -> None:
        """The scheduled job was handed out once, when it was due or when timers went on."""
        ids = [id_ for id_, _ in self.handed]
        assert ids.count(self._due) == 1, (ids, self._due)
        (at,) = [at for id_, at in self.handed if id_ == self._due]
        if promotes:
            assert at - self.due_at <= _DUE_WITHIN, at - self.due_at
        else:
            assert course.ending <= at <= course.ended + BACK, at - course.ended
        assert self._kept["id"] not in ids

    def check_kept(self) -> None:
        """The lease that had a heartbeat was never ended, and its worker's result is applied."""
        path = f"/v1/jobs/{self._kept['id']}"
        body = {"lease": self._kept["lease"]["token"], "status": "succeeded", "result": "kept"}
        reply = self._apis[0].patch(path, body)
        assert reply.status == 202, reply
        job = self._apis[0].get(f"{path}?wait=finished&timeout=5").json
        assert (job["status"], job["result"], job["attempt"]) == ("succeeded", "kept", 1)

    def _held(self, lease: int) -> dict[str, Any]:
        id_ = self._create()
        body = {"queues": [self.queue], "lease": lease, "wait": 2}
        (job,) = self._apis[0].post("/v1/claims", body).json["jobs"]
        assert job["id"] == id_
        found: dict[str, Any] = job
        return found

    def _create(self, **fields: Any) -> str:
        job = {"queue": self.queue, "type": "t", **fields}
        reply = self._apis[0].post("/v1/jobs?wait=persisted", job)
        assert reply.status == 201, reply
        return str(reply.json["id"])

    def _read(self, id_: str) -> Any:
        reply = self._apis[0].get(f"/v1/jobs/{id_}")
        assert reply.status == 200, reply
        return reply.json

    def _wait(self) -> None:
        number = 0
        while not self._ending.is_set():
            api, number = self._apis[number % 2], number + 1
            body = {"queues": [self.queue], "lease": 300, "wait": 1}
            reply = self._traffic.calls.call(api, "wait", "POST", "/v1/claims", body, wait=1)
            jobs = reply.json["jobs"] if reply.status == 200 else []
            self.handed += [(job["id"], time.monotonic()) for job in jobs]
            if reply.status != 200:
                time.sleep(0.2)
