"""Short words for what these tests do over HTTP: every call is timed."""

import time
from typing import Any, NamedTuple

import redis
from api.caller import Api, Reply, wait_until

from stack.containers.container import Container
from stack.services import Stores

# One deadline of 2.8 s a request, and what a busy machine adds.
SOON = 3.0


class Said(NamedTuple):
    """The gist of an answer."""

    status: int
    word: str


def said(reply: Reply) -> Said:
    """Status, and the receipt or the problem's code."""
    return Said(reply.status, reply.json.get("receipt") or reply.json.get("code") or "")


def soon(api: Api, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """A call that has to be answered in time; a 503 has to say when to come again."""
    began = time.monotonic()
    reply = api.call(method, path, body, headers)
    took = time.monotonic() - began
    assert took < SOON, (took, reply)
    if reply.status == 503:
        assert reply.code in {"unavailable", "outcome_unknown"}, reply
        assert int(reply.headers["retry-after"]) >= 1
    return reply


def create(api: Api, queue: str, number: int = 1, payload: object = None, **fields: Any) -> Reply:
    """New jobs of one call."""
    job = {"queue": queue, "type": "t", "payload": payload, **fields}
    return soon(api, "POST", "/v1/jobs", {"jobs": [job] * number})


def created(reply: Reply) -> list[str]:
    """The ids of a create that was accepted."""
    assert reply.status in {201, 202}, reply
    return [one["id"] for one in reply.json["jobs"]]


def claim(api: Api, queue: str, most: int = 1, **fields: Any) -> Reply:
    return soon(api, "POST", "/v1/claims", {"queues": [queue], "max": most, **fields})


def succeed(api: Api, job: dict[str, Any], result: object = None) -> Reply:
    body = {"lease": job["lease"]["token"], "status": "succeeded", "result": result}
    return soon(api, "PATCH", f"/v1/jobs/{job['id']}", body)


def await_hopper(stores: Stores, queue: str, number: int) -> None:
    """Returns when the hopper of `queue` holds so many jobs, and Redis its settings."""
    with redis.Redis.from_url(stores.redis) as client:
        key = f"jh:{{{queue}}}:"
        wait_until(lambda: client.zcard(f"{key}ready") == number)
        wait_until(lambda: client.hexists(f"{key}settings", "json"))


def down(api: Api) -> set[str]:
    """The stores that `/readyz` says are down; it needs none itself."""
    return {n for n, one in api.get("/readyz").json["stores"].items() if one == "down"}


def phase(api: Api) -> str:
    """The phase of the outage mode."""
    return str(api.get("/v1/system").json["outage"]["phase"])


def is_well(api: Api) -> bool:
    """Whether every store answers, and no outage is under way."""
    return down(api) == set() and phase(api) == "none"


def dead_letters(rabbitmq: Container) -> int:
    """How many messages nobody could apply."""
    told = rabbitmq.execute("rabbitmqctl", "--quiet", "list_queues", "name", "messages")
    return int(dict(line.split() for line in told.splitlines())["jobhopper.dead"])


def work_off(api: Api, queue: str, expected: set[str], seconds: float = 30) -> list[str]:
    """Claims and ends jobs until all of `expected` were handed out; the ids in that order."""
    until = time.monotonic() + seconds
    handed: list[str] = []
    while set(handed) < expected and time.monotonic() < until:
        reply = claim(api, queue, 100)
        jobs = reply.json["jobs"] if reply.status == 200 else []
        for job in jobs:
            handed.append(job["id"])
            assert succeed(api, job).status in {200, 202}
        if not jobs:
            time.sleep(0.1)
    assert len(handed) == len(set(handed)), "handed out twice"
    assert set(handed) - expected == set(), "handed out to others before"
    assert len(expected - set(handed)) == 0, f"not handed out: {sorted(expected - set(handed))}"
    return handed
