"""Workers of four kinds: quick ones, slow ones with heartbeats, some that die, some that freeze."""

import time
from dataclasses import replace
from random import Random
from typing import Any

from chaos.board import Board
from chaos.call import Call
from chaos.caller import Caller
from chaos.held import Held, claim, finish, note_token, say

_QUICK_LEASE = 8
_SLOW_LEASE = 6
_SLOW_HANDS = 4
_HOLD_SECONDS = (2.0, 14.0)
_DYING_LEASE = 4
_DYING_SECONDS = (1.0, 3.0)
_SECOND_WORD_SECONDS = (0.0, 0.5)
_FROZEN_LEASE = 3
_FROZEN_SECONDS = (1.0, 20.0)


def work_quickly(board: Board, who: str) -> None:
    """Claims some, ends them at once, one by one or in one call."""
    caller, chance = board.caller(who), board.chance(who)
    while board.working.is_set():
        jobs = claim(board, caller, 4, _QUICK_LEASE)
        if jobs and chance.random() < 0.3:
            _end_all(caller, chance, jobs)
            continue
        for held in jobs:
            _end(caller, chance, held)
    caller.close()


def work_slowly(board: Board, who: str) -> None:
    """Holds several jobs for seconds, each kept alive by a heartbeat at a third of its lease."""
    caller, chance = board.caller(who), board.chance(who)
    ends: dict[str, float] = {}
    hands: list[Held] = []
    while board.working.is_set() or hands:
        if board.working.is_set() and len(hands) < _SLOW_HANDS:
            taken = claim(board, caller, _SLOW_HANDS - len(hands), _SLOW_LEASE)
            ends |= {held.lease: time.time() + chance.uniform(*_HOLD_SECONDS) for held in taken}
            hands += taken
        over = not board.working.is_set()
        hands = [
            held for held in hands if _tend(caller, chance, held, 0.0 if over else ends[held.lease])
        ]
        time.sleep(0.1)
    caller.close()


def die(board: Board, who: str) -> None:
    """Claims and is never heard of again, under one name after another."""
    caller, chance = board.caller(who), board.chance(who)
    while board.pause(board.working, chance.uniform(*_DYING_SECONDS)):
        claim(board, caller, 1, _DYING_LEASE)
    caller.close()


def freeze(board: Board, who: str) -> None:
    """Claims, stands still until long after the lease or just before its end, and finishes."""
    caller, chance = board.caller(who), board.chance(who)
    while board.working.is_set():
        jobs = claim(board, caller, 2, _FROZEN_LEASE)
        board.pause(board.working, chance.uniform(*_FROZEN_SECONDS))
        for held in jobs:
            finish(caller, held, **_success(caller.who, held))
    caller.close()


def _tend(caller: Caller, chance: Random, held: Held, end: float) -> bool:
    """A heartbeat when it is due, the end when that has come; whether the job is still held."""
    now = time.time()
    if now >= end:
        _end(caller, chance, held)
        return False
    if held.until - now > _SLOW_LEASE * 2 / 3:
        return True
    done = say(caller, held, extend=_SLOW_LEASE, progress=round(now, 2))
    return not done.refused


def _end(caller: Caller, chance: Random, held: Held) -> None:
    dice = chance.random()
    if dice < 0.03:
        # Says it twice, as one whose connection broke.
        finish(caller, held, **_success(caller.who, held))
        finish(caller, held, **_success(caller.who, held))
    elif dice < 0.07:
        # Gives the job back, and then claims to have done it: the second word must not count.
        old = replace(held)
        finish(caller, held, status="queued")
        time.sleep(chance.uniform(*_SECOND_WORD_SECONDS))
        say(caller, old, **_success(caller.who, held))
    else:
        finish(caller, held, **_ending(caller.who, chance, held))


def _end_all(caller: Caller, chance: Random, jobs: list[Held]) -> None:
    endings = [_ending(caller.who, chance, held) for held in jobs]
    updates = [
        {"id": held.id, "lease": held.token, **ending}
        for held, ending in zip(jobs, endings, strict=True)
    ]
    done = caller.call("look", "POST", "/v1/updates", {"updates": updates}, said={"updates": "…"})
    items = done.answer["updates"] if done.status == 200 else [None] * len(jobs)
    for held, ending, item in zip(jobs, endings, items, strict=True):
        _note(caller, done, held, ending, item)
        if item is None or item["status"] == 503:
            finish(caller, held, **ending)


def _note(
    caller: Caller, batch: Call, held: Held, ending: dict[str, Any], item: dict[str, Any] | None
) -> None:
    one = replace(
        batch,
        kind="update",
        sent={**ending, "until": held.until},
        status=batch.status if item is None else item["status"],
        answer=batch.answer if item is None else item,
        job=held.id,
        lease=held.lease,
        alone=False,
    )
    caller.calls.append(one)
    note_token(held, item or {})


def _ending(who: str, chance: Random, held: Held) -> dict[str, Any]:
    dice = chance.random()
    if dice < 0.84:
        return _success(who, held)
    if dice < 0.93:
        fail: dict[str, Any] = {"status": "failed", "error": {"by": who, "attempt": held.attempt}}
        if dice < 0.88:
            fail["retry_in"] = round(chance.uniform(0, 2), 2)
        if dice > 0.92:
            fail["retry"] = False
        return fail
    return {"status": "queued"}


def _success(who: str, held: Held) -> dict[str, Any]:
    return {"status": "succeeded", "result": f"{who} {held.attempt} {held.lease[-12:]}"}
