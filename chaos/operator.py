"""Operators, who cancel, redrive, move and silence jobs, and readers, who look at them."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chaos.board import PARKED, WORKED, Board

_ORDER_SECONDS = (0.2, 0.6)
_READ_SECONDS = (0.1, 0.4)
_WAIT = 2.0


def operate(board: Board, who: str) -> None:
    """Gives orders to jobs that are known, whatever their state."""
    caller, chance = board.caller(who), board.chance(who)
    while board.pause(board.creating, chance.uniform(*_ORDER_SECONDS)):
        job = _one(chance, board)
        if job is None:
            continue
        order = _order(chance)
        if order == {"silenced": False} and board.silenced:
            job = board.silenced.popleft()
        done = caller.call("order", "PATCH", f"/v1/jobs/{job}", order, job=job)
        if order == {"silenced": True} and not done.refused:
            board.silenced.append(job)
    caller.close()


def read(board: Board, who: str) -> None:
    """Reads jobs, waits for the end of some, and looks at lists and queues."""
    caller, chance = board.caller(who), board.chance(who)
    while board.pause(board.creating, chance.uniform(*_READ_SECONDS)):
        job, dice = _one(chance, board), chance.random()
        queue = chance.choice((*WORKED, PARKED))
        if job is not None and dice < 0.7:
            caller.call("read", "GET", f"/v1/jobs/{job}", job=job)
        elif job is not None and dice < 0.8:
            path = f"/v1/jobs/{job}?wait=finished&timeout={_WAIT:.0f}"
            caller.call("read", "GET", path, job=job, wait=_WAIT)
        elif dice < 0.9:
            caller.call("look", "GET", f"/v1/queues/{queue}/top?n=20")
        elif dice < 0.95:
            caller.call("look", "GET", f"/v1/jobs?queue={queue}&limit=20")
        else:
            caller.call("look", "GET", f"/v1/queues/{queue}")
    caller.close()


def _one(chance: Random, board: Board) -> str | None:
    known = list(board.known)
    return chance.choice(known) if known else None


def _order(chance: Random) -> dict[str, Any]:
    dice = chance.random()
    if dice < 0.25:
        return {"status": "cancelled"}
    if dice < 0.5:
        return {"status": "queued"}
    if dice < 0.7:
        return {"priority": chance.randint(0, 9)}
    if dice < 0.8:
        return {"silenced": True}
    if dice < 0.95:
        return {"silenced": False}
    ahead = timedelta(seconds=round(chance.uniform(-1, 4), 3))
    return {"run_at": (datetime.now(UTC) + ahead).isoformat()}
