"""A job in a worker's hands, and what it can say of it."""

import time
from dataclasses import dataclass
from typing import Any

from chaos.board import WORKED, Board
from chaos.call import Call
from chaos.caller import Caller
from chaos.moment import seconds_of

_RETRY_SECONDS = 0.25
_WAIT = 2.0


@dataclass
class Held:
    """A claimed job: the token it came with, and the newest one with its end (s since 1970)."""

    id: str
    attempt: int
    lease: str
    token: str
    until: float


def claim(board: Board, caller: Caller, most: int, lease: int) -> list[Held]:
    """Up to `most` jobs; waits a little when there are none."""
    queues = list(WORKED) if len(board.calls) % 2 else list(reversed(WORKED))
    body = {"queues": queues, "max": most, "lease": lease, "wait": _WAIT, "worker": caller.who}
    done = caller.call("claim", "POST", "/v1/claims", body, wait=_WAIT)
    if done.status != 200:
        time.sleep(_RETRY_SECONDS)
        return []
    return [
        Held(
            job["id"],
            job["attempt"],
            job["lease"]["token"],
            job["lease"]["token"],
            seconds_of(job["lease"]["expires_at"]),
        )
        for job in done.answer["jobs"]
    ]


def say(caller: Caller, held: Held, **fields: Any) -> Call:
    """One update of a job."""
    body = {"lease": held.token, **fields}
    path = f"/v1/jobs/{held.id}"
    said = {**fields, "until": held.until}
    done = caller.call("update", "PATCH", path, body, said=said, job=held.id, lease=held.lease)
    note_token(held, done.answer if done.accepted else {})
    return done


def finish(caller: Caller, held: Held, **fields: Any) -> Call:
    """Ends the attempt: said again, in the same words, until there is an answer or no lease."""
    done = say(caller, held, **fields)
    while not (done.accepted or done.refused) and time.time() < held.until:
        time.sleep(_RETRY_SECONDS)
        done = say(caller, held, **fields)
    return done


def note_token(held: Held, answer: Any) -> None:
    """Keeps the newer token that an update was answered with."""
    if "lease" in answer:
        held.token = answer["lease"]["token"]
        held.until = seconds_of(answer["lease"]["expires_at"])
