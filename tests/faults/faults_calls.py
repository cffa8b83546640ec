"""Calls as they were answered: what, when, how soon, and what the answer said."""

import time
from collections import Counter
from typing import Any, NamedTuple

from api.caller import Api, Reply

# One deadline of 2.8 s a request, and what a busy machine adds.
SOON = 3.0
_UNANSWERED = Reply(0, {}, b"{}")


class Called(NamedTuple):
    """One call: when it began and ended (monotonic), and what it took beyond its own wait."""

    kind: str
    began: float
    ended: float
    took: float
    status: int
    said: str
    retry_after: bool

    @property
    def answer(self) -> tuple[int, str]:
        """What the table speaks of: the status, and the receipt, the code or the mark."""
        return self.status, self.said


class Calls:
    """Calls the services, and keeps what came of it."""

    def __init__(self) -> None:
        self.made: list[Called] = []

    def call(
        self, api: Api, kind: str, method: str, path: str, body: Any = None, **more: Any
    ) -> Reply:
        """One call; `wait` is what it asked to wait. Never answered: its status is 0."""
        wait = more.get("wait", 0)
        began = time.monotonic()
        try:
            reply = api.call(method, path, body, more.get("headers"))
            said = _said(kind, reply.json)
        except OSError as error:
            reply, said = _UNANSWERED, type(error).__name__
        ended = time.monotonic()
        took, again = ended - began - wait, "retry-after" in reply.headers
        self.made.append(Called(kind, began, ended, took, reply.status, said, again))
        return reply


def _said(kind: str, body: Any) -> str:
    if "code" in body or "receipt" in body:
        return str(body.get("code") or body.get("receipt"))
    if kind == "system":
        return "+".join(name for name, one in body["stores"].items() if not one["up"])
    if body.get("stale"):
        return "stale"
    return "provisional" if any(j.get("provisional") for j in body.get("jobs", ())) else ""


def told(calls: list[Called], since: float) -> str:
    """Calls in a few lines, for whoever reads why a test failed; times count from `since`."""
    kinds = Counter((one.kind, *one.answer) for one in calls)
    lines = []
    for (kind, status, said), number in sorted(kinds.items()):
        same = [one for one in calls if (one.kind, *one.answer) == (kind, status, said)]
        first, last = (f"{one.began - since:+.1f} s" for one in (same[0], same[-1]))
        longest = max(one.took for one in same)
        lines.append(f"{number} x {kind} {status} {said}: {first} to {last}, <= {longest:.2f} s")
    return "\n".join(lines)
