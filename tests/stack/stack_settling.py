"""A caller that returns from a write through RabbitMQ once it is applied, offered and told."""

import itertools
import json
import time
from collections.abc import Mapping
from typing import Any

from api.caller import Api, Reply, wait_until
from api.steps import uuid7

_QUEUE = "sentinel"
_SHARDS = 4
_LEASE = 43_200


class Lanes:
    """Tells when all that was accepted before has been applied, and what follows from it done.

    A lane of a shard is applied in order, a batch at a time: once a sentinel that was sent later
    can be seen, everything before it can be, and the batch before the sentinel's has been offered
    to the hopper. So a second sentinel, sent when the first was seen, says both.
    """

    def __init__(self, port: int, key: str) -> None:
        self._api = Api(port, key)
        self._numbers = itertools.count(1)
        self._held: dict[int, dict[str, Any]] = {}

    def await_creates(self, shards: set[int]) -> None:
        for shard in [*shards, *shards]:
            self._create(shard)

    def await_updates(self, shards: set[int]) -> None:
        for shard in [*shards, *shards]:
            self._update(shard)

    def close(self) -> None:
        self._api.close()

    def _create(self, shard: int) -> str:
        key = f"{uuid7(time.time())[:-2]}{shard:02x}"
        path = "/v1/jobs?wait=persisted&timeout=20"
        job = {"queue": f"{_QUEUE}.{shard}", "type": "t"}
        reply = self._api.post(path, job, {"Idempotency-Key": key})
        assert (reply.status, reply.json["id"]) == (201, key), reply
        return key

    def _update(self, shard: int) -> None:
        job = self._job(shard)
        number = next(self._numbers)
        body = {"lease": job["lease"]["token"], "progress": number}
        assert self._api.patch(f"/v1/jobs/{job['id']}", body).status == 202
        wait_until(lambda: self._progress(job["id"]) == number)

    def _progress(self, id_: str) -> object:
        return self._api.get(f"/v1/jobs/{id_}").json["progress"]

    def _job(self, shard: int) -> dict[str, Any]:
        if shard not in self._held:
            self._create(shard)
            body = {"queues": [f"{_QUEUE}.{shard}"], "lease": _LEASE, "wait": 10}
            (self._held[shard],) = self._api.post("/v1/claims", body).json["jobs"]
        return self._held[shard]


class SettlingApi(Api):
    """Calls as `Api` does. A write has to be answered with 202 and `rabbitmq`, as promised.

    Once it has arrived, the answer says what MySQL's own would have: so the tests of the
    contract run unchanged.
    """

    def __init__(self, port: int, key: str | None, lanes: Lanes) -> None:
        super().__init__(port, key)
        self._lanes = lanes

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        reply = super().call(method, path, body, headers)
        plain = path.partition("?")[0]
        if reply.status >= 400:
            return reply
        if (method, plain) == ("POST", "/v1/jobs"):
            return self._created(reply, path)
        if (method, plain) == ("POST", "/v1/updates"):
            return self._updated_many(reply)
        if method == "PATCH" and "receipt" in reply.json:
            return self._updated(reply)
        return reply

    def _created(self, reply: Reply, path: str) -> Reply:
        answer = reply.json
        jobs = answer.get("jobs", [answer])
        if "wait=persisted" not in path or reply.status == 202:
            assert (reply.status, answer["receipt"]) == (202, "rabbitmq"), reply
        self._lanes.await_creates({shard(job["id"]) for job in jobs})
        repeated = all(job["duplicate"] for job in jobs)
        return _said(reply, 200 if repeated else 201, {**answer, "receipt": "mysql"})

    def _updated(self, reply: Reply) -> Reply:
        answer = reply.json
        assert (reply.status, answer["receipt"]) == (202, "rabbitmq"), reply
        self._lanes.await_updates({shard(answer["id"])})
        return _said(reply, 200, {**answer, "receipt": "mysql"})

    def _updated_many(self, reply: Reply) -> Reply:
        taken = [one for one in reply.json["updates"] if "receipt" in one]
        assert all((one["status"], one["receipt"]) == (202, "rabbitmq") for one in taken), reply
        self._lanes.await_updates({shard(one["id"]) for one in taken})
        updates = [
            {**one, "status": 200, "receipt": "mysql"} if "receipt" in one else one
            for one in reply.json["updates"]
        ]
        return _said(reply, reply.status, {"updates": updates})


def shard(id_: str) -> int:
    """The shard of a job: the last byte of its id says it."""
    return int(id_[-2:], 16) % _SHARDS


def _said(reply: Reply, status: int, answer: object) -> Reply:
    return Reply(status, reply.headers, json.dumps(answer).encode())
