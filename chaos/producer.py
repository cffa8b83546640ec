"""Producers: they create jobs, repeat what was not answered, and now and then what was."""

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from chaos.board import PARKED, WORKED, Board
from chaos.call import Call
from chaos.caller import Caller
from jobhopper.idempotency_key import new_idempotency_key

_JOBS_A_REQUEST = 2
_RETRY_SECONDS = 0.3
# A producer that can't get rid of its jobs for so long gives up.
_GIVE_UP_SECONDS = 60.0
_REPEATED = 0.2
_REPEAT_SECONDS = (0.0, 8.0)


class Request(NamedTuple):
    """A create that may be sent again: its name, its key (empty: none), and its body."""

    name: str
    key: str
    body: dict[str, Any]


def produce(board: Board, who: str) -> None:
    """Creates at its share of the pace until the board says to stop."""
    caller, chance = board.caller(who), board.chance(who)
    every = _JOBS_A_REQUEST * board.pace.producers / board.pace.jobs
    again: deque[tuple[float, Request]] = deque()
    number, due = 0, time.monotonic()
    while board.pause(board.creating, due - time.monotonic()):
        due = max(due + every * chance.uniform(0.5, 1.5), time.monotonic() - 1.0)
        number += 1
        request = _request(chance, f"{who}-{number}")
        _create(board, caller, request)
        if request.key and chance.random() < _REPEATED:
            again.append((time.monotonic() + chance.uniform(*_REPEAT_SECONDS), request))
        if again and again[0][0] < time.monotonic():
            caller.move()
            _send(caller, again.popleft()[1])
    caller.close()


def _create(board: Board, caller: Caller, request: Request) -> None:
    until = time.monotonic() + _GIVE_UP_SECONDS
    done = _send(caller, request)
    # Without a key a repeat might create the jobs twice.
    while request.key and not (done.accepted or done.refused) and time.monotonic() < until:
        time.sleep(_RETRY_SECONDS)
        done = _send(caller, request)
    if done.accepted:
        board.known.extend(ids_of(done))


def _send(caller: Caller, request: Request) -> Call:
    headers = {"Idempotency-Key": request.key} if request.key else {}
    said = {"request": request.name, "key": request.key, "jobs": request.body["jobs"]}
    return caller.call("create", "POST", "/v1/jobs", request.body, said=said, headers=headers)


def ids_of(create: Call) -> list[str]:
    """The ids that an accepted create was answered with."""
    return [job["id"] for job in create.answer["jobs"]]


def _request(chance: Random, name: str) -> Request:
    count = chance.randint(1, 2 * _JOBS_A_REQUEST - 1)
    queue = PARKED if chance.random() < 0.08 else WORKED[chance.random() < 0.35]
    jobs = [_job(chance, queue, name, item) for item in range(count)]
    # A key that is a UUIDv7 is the first id; any other is remembered in MySQL.
    dice = chance.random()
    key = new_idempotency_key() if dice < 0.65 else f"order {name}" if dice < 0.85 else ""
    return Request(name, key, {"jobs": jobs})


def _job(chance: Random, queue: str, name: str, item: int) -> dict[str, Any]:
    job: dict[str, Any] = {"queue": queue, "type": "t", "payload": {"request": name, "item": item}}
    if chance.random() < 0.3:
        job["priority"] = chance.randint(0, 9)
    if chance.random() < 0.15:
        ahead = timedelta(seconds=round(chance.uniform(-2, 4), 3))
        job["run_at"] = (datetime.now(UTC) + ahead).isoformat()
    if chance.random() < 0.1:
        job["max_attempts"] = chance.randint(1, 3)
    return job
