"""Claims that wait: served at once when there is work, empty when their time is up."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

import pytest

from jobhopper_core.model.limits import CLAIM_MAX

from .caller import Api, head, read_one, wait_until
from .conftest import Start
from .server import Server, await_waiters
from .steps import (
    Background,
    claim,
    claim_one,
    create,
    create_many,
    now,
    operate,
    read,
    running,
    text,
    top,
    update,
)

AT_ONCE = 0.5


@pytest.fixture
def beside() -> Iterator[Background]:
    with Background(threads=24) as background:
        yield background


def leaving(port: int, *queues: str, wait: float = 30, **fields: object) -> socket.socket:
    """A connection on which a claim waits; whoever closes it is gone."""
    body = json.dumps({"queues": queues, "wait": wait, **fields}).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(head("POST", "/v1/claims", *lines) + body)
    return connection


def test_a_waiting_claim_gets_a_new_job_at_once(api: Api, queue: str, beside: Background) -> None:
    waiting = beside.claim(api, queue, wait=20)
    await_waiters(api, 1)
    made = now()
    id_ = create(api, queue)
    (job,), _ = waiting.result()
    assert (job["id"], now() - made < AT_ONCE) == (id_, True)


def test_a_claim_does_not_wait_where_there_is_work(api: Api, queue: str) -> None:
    id_ = create(api, queue)
    began = time.monotonic()
    assert [job["id"] for job in claim(api, queue, wait=20, max=5)] == [id_]
    assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("wait", [0, 0.3, 0.7])
def test_a_claim_comes_back_empty_when_its_time_is_up(api: Api, queue: str, wait: float) -> None:
    began = time.monotonic()
    assert claim(api, queue, wait=wait) == []
    assert wait <= time.monotonic() - began < wait + AT_ONCE


Step = Callable[[Api, dict[str, Any]], object]


def silenced(api: Api, job: dict[str, Any]) -> None:
    operate(api, job["id"], status="cancelled")
    operate(api, job["id"], status="queued", silenced=True)


def paused(api: Api, job: dict[str, Any]) -> None:
    api.patch(f"/v1/queues/{job['queue']}", {"paused": True})
    update(api, job, status="queued")


# What is done to a running job before a claim waits, and what then makes it ready.
READY: dict[str, tuple[Step, Step]] = {
    "release": (lambda _api, _job: None, lambda api, job: update(api, job, status="queued")),
    "retry": (
        lambda _api, _job: None,
        lambda api, job: update(api, job, status="failed", retry_in=0),
    ),
    "redrive": (
        lambda api, job: operate(api, job["id"], status="cancelled"),
        lambda api, job: operate(api, job["id"], status="queued"),
    ),
    "unsilence": (silenced, lambda api, job: operate(api, job["id"], silenced=False)),
    "advance": (
        lambda api, job: update(api, job, status="failed", retry_in=900),
        lambda api, job: operate(api, job["id"], run_at=text(now())),
    ),
    "unpause": (
        paused,
        lambda api, job: api.patch(f"/v1/queues/{job['queue']}", {"paused": False}),
    ),
}


@pytest.mark.parametrize("change", READY)
def test_whatever_makes_a_job_ready_serves_who_waits(
    api: Api, queue: str, beside: Background, change: str
) -> None:
    before, ready = READY[change]
    job = running(api, queue)
    before(api, job)
    waiting = beside.claim(api, queue, wait=20)
    await_waiters(api, 1)
    changed = now()
    ready(api, job)
    (again,), _ = waiting.result()
    assert (again["id"], again["attempt"]) == (job["id"], 2)
    assert now() - changed < AT_ONCE


def test_a_scheduled_job_serves_who_waits_within_a_second_of_its_time(
    api: Api, queue: str, beside: Background
) -> None:
    due = now() + 0.7
    id_ = create(api, queue, run_at=text(due))
    waiting = beside.claim(api, queue, wait=20)
    (job,), _ = waiting.result()
    assert job["id"] == id_
    assert 0 <= now() - due < 1


def test_who_waited_first_is_served_first(api: Api, queue: str, beside: Background) -> None:
    waiting = []
    for i in range(5):
        waiting.append(beside.claim(api, queue, wait=20, worker=f"w{i}"))
        await_waiters(api, i + 1)
    ids = create_many(api, queue, 5)
    assert [one.result()[0][0]["id"] for one in waiting] == ids


def test_one_batch_is_shared_by_those_who_wait(api: Api, queue: str, beside: Background) -> None:
    waiting = [beside.claim(api, queue, wait=20, max=2) for _ in range(5)]
    await_waiters(api, 5)
    ids = create_many(api, queue, 10)
    got = [[job["id"] for job in one.result()[0]] for one in waiting]
    assert sorted(id_ for jobs in got for id_ in jobs) == ids
    assert [len(jobs) for jobs in got] == [2] * 5


def test_who_is_not_served_keeps_waiting(api: Api, queue: str, beside: Background) -> None:
    waiting = [beside.claim(api, queue, wait=0.9) for _ in range(3)]
    await_waiters(api, 3)
    id_ = create(api, queue)
    results = sorted((one.result() for one in waiting), key=lambda result: result[1])
    assert [[job["id"] for job in jobs] for jobs, _ in results] == [[id_], [], []]
    assert results[1][1] >= 0.9


def test_a_claim_on_several_queues_is_served_by_any_of_them(
    api: Api, queue: str, beside: Background
) -> None:
    names = [f"{queue}.{i}" for i in range(3)]
    for name in names:
        waiting = beside.claim(api, *names, wait=20)
        await_waiters(api, 1)
        made, id_ = now(), create(api, name)
        (job,), _ = waiting.result()
        assert (job["id"], job["queue"]) == (id_, name)
        assert now() - made < AT_ONCE


def test_waiters_of_overlapping_queues_get_each_job_once(
    api: Api, queue: str, beside: Background
) -> None:
    ids = overlapping(api, queue, beside, create, wait=1)
    assert ids == sorted(ids)


def overlapping(
    api: Api, queue: str, beside: Background, make: Callable[[Api, str], str], wait: int
) -> list[str]:
    """The ids, in the order of their making, of jobs of which each waiter gets one at most."""
    names = [f"{queue}.{i}" for i in range(4)]
    pairs = [(names[i % 4], names[(i + 1) % 4]) for i in range(12)]
    waiting = [beside.claim(api, *pair, wait=wait) for pair in pairs]
    await_waiters(api, 12)
    ids = [make(api, names[i % 4]) for i in range(12)]
    got = [one.result()[0] for one in waiting]
    left = {name: top(api, name) for name in names}
    taken = [job["id"] for jobs in got for job in jobs]
    assert sorted([*taken, *chain.from_iterable(left.values())]) == sorted(ids)
    for pair, jobs in zip(pairs, got, strict=True):
        assert len(jobs) == 1 or not any(left[name] for name in pair)
    return ids


def test_a_client_that_leaves_gets_nothing_and_delays_nobody(
    server: Server, api: Api, queue: str, beside: Background
) -> None:
    gone = [leaving(server.port, queue, max=10) for _ in range(3)]
    await_waiters(api, 3)
    waiting = beside.claim(api, queue, wait=20)
    await_waiters(api, 4)
    for one in gone:
        one.close()
    await_waiters(api, 1)
    made, id_ = now(), create(api, queue)
    (job,), _ = waiting.result()
    assert (job["id"], job["attempt"]) == (id_, 1)
    assert now() - made < AT_ONCE


def test_a_client_that_leaves_is_missed_though_it_had_asked_for_more(
    server: Server, api: Api, queue: str
) -> None:
    gone = leaving(server.port, queue)
    gone.sendall(head("GET", "/livez"))
    await_waiters(api, 1)
    gone.close()
    await_waiters(api, 0)
    id_ = create(api, queue)
    assert claim_one(api, queue)["id"] == id_


def test_a_job_is_not_lost_to_clients_that_leave_as_it_comes(
    server: Server, api: Api, queue: str
) -> None:
    for _ in range(10):
        gone = leaving(server.port, queue)
        await_waiters(api, 1)
        gone.close()
        id_ = create(api, queue)
        began = time.monotonic()
        job = claim_one(api, queue, wait=5)
        assert time.monotonic() - began < AT_ONCE
        assert job["id"] == id_
        assert read(api, id_)["failures"] == 0
        update(api, job, status="succeeded")


def test_a_claim_whose_client_hung_up_before_it_was_read_holds_no_jobs(
    server: Server, api: Api, queue: str
) -> None:
    ids = create_many(api, queue, 40)
    for _ in range(40):
        leaving(server.port, queue, wait=0).close()
    # One or two may hang up just after they were answered, which nobody can know.
    wait_until(lambda: len(top(api, queue)) >= 36, 5)
    assert all(read(api, id_)["failures"] == 0 for id_ in ids)


def test_waiting_claims_are_answered_empty_on_sigterm(start: Start, beside: Background) -> None:
    server = start()
    api = server.api()
    waiting = [beside.claim(api, "a", "b", wait=30) for _ in range(10)]
    await_waiters(api, 10)
    told = time.monotonic()
    server.terminate()
    assert [one.result()[0] for one in waiting] == [[]] * 10
    assert time.monotonic() - told < 1
    assert server.ended() == 0


def test_two_hundred_who_wait_do_not_hold_up_others(server: Server, api: Api, queue: str) -> None:
    crowd = [leaving(server.port, queue, wait=30) for _ in range(200)]
    try:
        await_waiters(api, 200)
        began = time.monotonic()
        for _ in range(20):
            job = running(api, f"{queue}.other")
            update(api, job, status="succeeded")
        assert time.monotonic() - began < 3
    finally:
        for one in crowd:
            one.close()
    await_waiters(api, 0)


def test_more_who_wait_than_one_asking_serves_keep_no_other_from_an_answer(
    server: Server, api: Api, queue: str
) -> None:
    """They are asked for by the thousand: who comes behind them is answered all the same."""
    with ExitStack() as crowd:
        first = crowd.enter_context(leaving(server.port, queue))
        await_waiters(api, 1)
        for _ in range(CLAIM_MAX + 50):
            crowd.enter_context(leaving(server.port, queue))
        await_waiters(api, CLAIM_MAX + 51)
        began = time.monotonic()
        assert claim(api, queue) == []
        assert claim(api, queue, wait=0.3) == []
        assert time.monotonic() - began < 0.3 + 2 * AT_ONCE
        id_ = create(api, queue)
        first.settimeout(5)
        assert [job["id"] for job in read_one(first).json["jobs"]] == [id_]
    await_waiters(api, 0)
