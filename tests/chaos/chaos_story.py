"""Hand-made runs: one job's story, told call by call, in seconds from the start."""

import json
from typing import Any, NamedTuple

from chaos.call import Call
from chaos.check import check
from chaos.evidence import Aftermath, Evidence, Finding, Stall
from chaos.fault import Inflicted
from chaos.final import End, Final, Row
from chaos.trail import Change
from jobhopper_core.model.times import to_text

JOB = "01890000-0000-7000-8000-000000000001"
OTHER = "01890000-0000-7000-8000-000000000002"
_QUEUE = "chaos.a"


class Hold(NamedTuple):
    """A claim in a worker's hands."""

    job: str
    attempt: int
    token: str
    until: float


class Story:
    """What clients saw of a run, and what is left of it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.rows: dict[str, Row] = {}
        self.ends: dict[tuple[str, int], End] = {}
        self.trail: dict[str, list[Change]] = {}
        self.faults: list[Inflicted] = []
        self.stalls: list[Stall] = []
        self.aftermath = Aftermath()
        self.kept: dict[tuple[str, str], int] | None = None

    def call(self, kind: str, at: float, sent: Any, status: int, answer: Any, **more: Any) -> Call:
        took = more.pop("took", 0.1)
        done = Call(kind, "who", 0, at, at + took, sent, status, answer, **more)
        self.calls.append(done)
        return done

    def create(self, at: float, *ids: str, request: str = "r", key: str = "k") -> None:
        jobs = [_sent(request, item) for item in range(len(ids))]
        answer = {"jobs": [{"id": id_, "duplicate": False} for id_ in ids], "receipt": "rabbitmq"}
        self.call("create", at, {"request": request, "key": key, "jobs": jobs}, 202, answer)

    def claim(
        self, at: float, attempt: int, lease: float = 10, job: str = JOB, provisional: bool = False
    ) -> Hold:
        token = f"{job}/{attempt}/{len(self.calls)}"
        until = at + lease
        told = {"token": token, "expires_at": to_text(int(until * 1_000_000))}
        one = {"id": job, "attempt": attempt, "provisional": provisional, "lease": told}
        self.call("claim", at, {}, 200, {"jobs": [one]})
        return Hold(job, attempt, token, until)

    def say(self, hold: Hold, at: float, http: int = 202, code: str = "", **said: Any) -> None:
        answer: dict[str, Any] = {"code": code} if code else {"receipt": "rabbitmq"}
        if http == 200:
            answer["receipt"] = "mysql"
        if "extend" in said and http < 300:
            until = at + said["extend"]
            answer["lease"] = {"token": "t", "expires_at": to_text(int(until * 1_000_000))}
        sent = {**said, "until": hold.until}
        self.call("update", at, sent, http, answer, job=hold.job, lease=hold.token)

    def order(self, at: float, code: int = 200, **sent: Any) -> None:
        answer = {} if code == 200 else {"code": "running"}
        self.call("order", at, sent, code, answer, job=JOB)

    def read(self, at: float, code: int = 200, **answer: Any) -> None:
        self.call("read", at, f"/v1/jobs/{JOB}", code, answer, job=JOB)

    def end(self, attempt: int, outcome: str, at: float = 0.0, error: Any = None) -> None:
        self.ends[JOB, attempt] = End(outcome, None if error is None else json.dumps(error), at)

    def row(self, status: str, attempt: int = 0, job: str = JOB, **more: Any) -> None:
        result = json.dumps(more.pop("result", None))
        payload = json.dumps(_sent("r", more.pop("item", 0))["payload"])
        plain = Row(job, _QUEUE, status, attempt, 0, 5, False, 5, 0, payload, result)
        self.rows[job] = plain._replace(**more)

    def step(self, before: str, after: str, attempt_before: int, attempt: int) -> None:
        change = Change(0.0, before, after, attempt_before, attempt, None, None, None)
        self.trail.setdefault(JOB, []).append(change)

    def evidence(self) -> Evidence:
        counted: dict[tuple[str, str], int] = {}
        for row in self.rows.values():
            stands = "silenced" if row.silenced else row.status
            counted[row.queue, stands] = counted.get((row.queue, stands), 0) + 1
        kept = counted if self.kept is None else self.kept
        final = Final(self.rows, self.ends, self.trail, counted, kept)
        return Evidence(0.0, self.calls, final, self.faults, self.stalls, self.aftermath)

    def findings(self) -> list[Finding]:
        return check(self.evidence())

    def broken(self) -> set[str]:
        """The rules that found something."""
        return {finding.rule for finding in self.findings()}


def _sent(request: str, item: int) -> dict[str, Any]:
    return {"queue": _QUEUE, "type": "t", "payload": {"request": request, "item": item}}


def done() -> tuple[Story, Hold]:
    """A job that was created, claimed and finished, with nothing wrong."""
    story = Story()
    story.create(1, JOB)
    hold = story.claim(2, 1)
    story.say(hold, 3, status="succeeded", result="fine")
    story.row("succeeded", 1, result="fine")
    return story, hold
