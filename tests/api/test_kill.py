"""kill -9 at any moment, under load: what was answered is there, and can have come about."""

import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from .caller import Api, Reply
from .conftest import Start
from .server import Server
from .steps import claim, create_many, every, operate, read, update

QUEUES = [f"q{i}" for i in range(3)]
Job = dict[str, Any]
# What a caller sees of a server that is killed; an answer may break off, too.
GONE = (OSError, http.client.HTTPException)


@dataclass
class Seen:
    """What the clients were told, and what they asked for without hearing of it."""

    created: list[str] = field(default_factory=list)
    ended: dict[str, tuple[str, Any]] = field(default_factory=dict)
    asked: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    held: dict[str, Job] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    batches: list[tuple[str, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def test_what_was_answered_outlives_the_kill(start: Start) -> None:
    rounds(start, 3, random.Random(1))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_what_was_answered_outlives_many_kills(start: Start, seed: int) -> None:
    rounds(start, 8, random.Random(seed))


def rounds(start: Start, number: int, chance: random.Random) -> None:
    seen = Seen()
    server = start()
    for _ in range(number):
        work_until_killed(server, seen, chance.uniform(0.2, 0.8))
        server = start(port=server.port)
        check(server.api(), seen)
    finish(server.api(), seen)


def work_until_killed(server: Server, seen: Seen, seconds: float) -> None:
    workers = [threading.Thread(target=produce, args=(server, seen)) for _ in range(3)]
    workers += [threading.Thread(target=work, args=(server, seen, i)) for i in range(4)]
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    server.kill()
    for worker in workers:
        worker.join()


def produce(server: Server, seen: Seen) -> None:
    """Creates single jobs and batches until the server is gone."""
    chance, api = random.Random(), Api(server.port)
    try:
        while True:
            size = chance.choice([1, 1, 5, 60])
            marker = uuid4().hex
            with seen.lock:
                seen.batches.append((marker, size))
            jobs = [{"queue": chance.choice(QUEUES), "type": marker} for _ in range(size)]
            reply = api.post("/v1/jobs", {"jobs": jobs})
            assert reply.status == 201
            with seen.lock:
                seen.created += [one["id"] for one in reply.json["jobs"]]
    except GONE:
        api.close()


def work(server: Server, seen: Seen, number: int) -> None:
    """Claims, beats, succeeds, fails and releases until the server is gone."""
    chance, api = random.Random(), Api(server.port)
    try:
        while True:
            jobs = claim(api, *QUEUES, max=chance.choice([1, 5]), lease=600, wait=0.2)
            with seen.lock:
                for job in jobs:
                    seen.held[job["id"]] = job
                    seen.attempts[job["id"]] = max(seen.attempts[job["id"]], job["attempt"])
            for job in jobs:
                if chance.random() < 0.2:
                    assert update(api, job, progress=number).status == 200
                if chance.random() < 0.9:
                    end(api, seen, job, chance.choice(["succeeded", "succeeded", "failed"]))
    except GONE:
        api.close()


def end(api: Api, seen: Seen, job: Job, status: str) -> Reply:
    result = f"{status} {job['attempt']} {random.random()}"
    with seen.lock:
        seen.asked.setdefault(job["id"], []).append((status, result))
    name = {"succeeded": "result", "failed": "error"}[status]
    extra = {"retry": False} if status == "failed" else {}
    reply = update(api, job, status=status, **{name: result}, **extra)
    assert reply.status == 200, reply
    with seen.lock:
        seen.ended[job["id"]] = (status, result)
        seen.held.pop(job["id"], None)
    return reply


def check(api: Api, seen: Seen) -> None:
    jobs = {job["id"]: job for job in every(api)}
    assert set(seen.created) <= set(jobs)
    check_batches(seen, jobs)
    for id_, job in jobs.items():
        check_history(seen, id_, job)
    for id_, (status, result) in random.sample(
        sorted(seen.ended.items()), min(60, len(seen.ended))
    ):
        whole = read(api, id_)
        name = "result" if status == "succeeded" else "error"
        assert (whole["status"], whole[name]) == (status, result)
    depths = sum(
        (Counter(api.get(f"/v1/queues/{queue}").json["depth"]) for queue in QUEUES), Counter()
    )
    assert depths == Counter(job["status"] for job in jobs.values())


def check_batches(seen: Seen, jobs: dict[str, Job]) -> None:
    """A batch is there as a whole or not at all, also one of which nothing was heard."""
    there = Counter(job["type"] for job in jobs.values())
    assert all(there[marker] in {0, size} for marker, size in seen.batches)


def check_history(seen: Seen, id_: str, job: Job) -> None:
    assert job["attempt"] >= seen.attempts[id_]
    if id_ in seen.ended:
        assert job["status"] == seen.ended[id_][0]
    elif job["status"] in {"succeeded", "failed"}:
        # Nobody heard of it, but somebody asked for it.
        assert job["status"] in {status for status, _ in seen.asked[id_]}
    else:
        assert job["status"] in {"queued", "running"}
        assert (job["status"] == "running") == (job["attempt"] > 0)


def finish(api: Api, seen: Seen) -> None:
    """Tokens from before the kills still work; ends that were heard of can be sent again."""
    unheard = [job for id_, job in seen.held.items() if id_ not in seen.asked]
    for job in unheard[:40]:
        beat = update(api, job, extend=900, progress="after the kill")
        assert beat.status == 200, beat
        newer = {**job, "lease": beat.json["lease"]}
        assert update(api, newer, status="succeeded", result="late").status == 200
        assert read(api, job["id"])["result"] == "late"
    for job in [job for id_, job in seen.held.items() if id_ in seen.asked][:40]:
        # Whether it was done is not known; sending it again settles that, once.
        status, result = seen.asked[job["id"]][-1]
        name = {"succeeded": "result", "failed": "error"}[status]
        extra = {"retry": False} if status == "failed" else {}
        assert update(api, job, status=status, **{name: result}, **extra).status == 200
        assert update(api, job, status="failed", error="another end").code == "not_running"
        assert read(api, job["id"])[name] == result


def test_a_lease_that_ended_while_the_server_was_away_is_expired_after(start: Start) -> None:
    server = start()
    api = server.api()
    api.patch("/v1/queues/q", {"backoff": {"base": 0}})
    (id_,) = create_many(api, "q", 1)
    claim(api, "q", lease=1)
    server.kill()
    time.sleep(1.5)
    (again,) = claim(start().api(), "q", wait=5)
    assert (again["id"], again["attempt"]) == (id_, 2)


def test_operators_changes_outlive_the_kill(start: Start) -> None:
    server = start()
    api = server.api()
    ids = create_many(api, "q", 30)
    api.patch("/v1/queues/q", {"paused": True, "lease": 77})
    for i, id_ in enumerate(ids):
        changes: list[Job] = [{"status": "cancelled"}, {"priority": i % 10}, {"silenced": True}]
        assert operate(api, id_, **changes[i % 3]).status == 200
    before = [read(api, id_) for id_ in ids]
    queue = api.get("/v1/queues/q").json
    server.kill()
    api = start().api()
    assert [read(api, id_) for id_ in ids] == before
    after = api.get("/v1/queues/q").json
    assert {**after, "oldest_ready_age": 0} == {**queue, "oldest_ready_age": 0}
