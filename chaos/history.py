"""The calls of a run, sorted by the jobs that they name."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chaos.call import Call
from chaos.moment import seconds_of

# A request may lie at a frozen API while its client has gone.
_STRAGGLE_SECONDS = 20.0


@dataclass
class Claim:
    """One hand-out of a job to one worker, and what the worker said of it, in order."""

    job: str
    attempt: int
    lease: str
    provisional: bool
    until: float
    call: Call
    updates: list[Call] = field(default_factory=list)

    def lease_end(self, by: float = float("inf")) -> float:
        """The latest end of the lease that the worker had been told by then."""
        told = [
            seconds_of(update.answer["lease"]["expires_at"])
            for update in self.updates
            if update.accepted and update.ended <= by and "lease" in update.answer
        ]
        return max([self.until, *told])

    @property
    def endings(self) -> list[Call]:
        """What the worker said to end the attempt, and was not refused each time."""
        return [update for update in self.updates if is_ending(update) and not update.refused]

    def told(self, start: float) -> str:
        """The claim as a line of a report, its times counted from `start`."""
        call, end = self.call, self.until - start
        times = f"{call.began - start:8.3f} - {call.ended - start:8.3f}"
        how = ", provisional" if self.provisional else ""
        what = f"attempt {self.attempt}{how}, lease until {end:.3f}"
        return f"{times}  {call.who:<12} api.{call.api} claim  -> {what}"

    def may_have_ended_by(self, moment: float) -> bool:
        """Whether something that the worker had sent by then may have ended the claim."""
        return any(update.began < moment for update in self.endings)


@dataclass
class Job:
    """All that clients said and heard of one job, each list in the order of its begin."""

    id: str
    creates: list[Call] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    orders: list[Call] = field(default_factory=list)
    reads: list[Call] = field(default_factory=list)

    def cancels(self, since: float = 0.0, until: float = float("inf")) -> list[Call]:
        """The orders to cancel that may have had their effect between the two."""
        return [
            order
            for order in self.orders
            if order.sent.get("status") == "cancelled"
            and not order.refused
            and _over(order) >= since
            and order.began <= until
        ]

    @property
    def accepted(self) -> bool:
        """Whether a producer was told that the job will be done."""
        return bool(self.creates)

    def told(self, start: float) -> list[tuple[float, str]]:
        """All of it, as lines of a report and their times."""
        updates = [update for claim in self.claims for update in claim.updates]
        calls = [*self.creates, *updates, *self.orders, *self.reads]
        lines = [(call.began, call.told(start)) for call in calls]
        return lines + [(claim.call.began, claim.told(start)) for claim in self.claims]


def _over(order: Call) -> float:
    """When an order can have had its effect at the latest; without an answer, some time later."""
    return order.ended if order.accepted else order.ended + _STRAGGLE_SECONDS


def content(update: Call) -> tuple[object, ...]:
    """What an update says, whenever it is said."""
    return tuple(update.sent.get(name) for name in ("status", "result", "error", "progress"))


def is_ending(update: Call) -> bool:
    """Whether an update is to end its attempt."""
    return "status" in update.sent


def histories(calls: Iterable[Call]) -> dict[str, Job]:
    """The history of every job that an answer or a call named."""
    found = _Histories()
    for call in sorted(calls, key=lambda call: call.began):
        found.add(call)
    return found.jobs


class _Histories:
    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._claims: dict[str, Claim] = {}
        self._takers = {
            "create": self._create,
            "claim": self._claim,
            "update": self._update,
            "order": self._order,
            "read": self._read,
        }

    def add(self, call: Call) -> None:
        if call.kind in self._takers:
            self._takers[call.kind](call)

    def _create(self, call: Call) -> None:
        for item in call.answer["jobs"] if call.accepted else ():
            self._of(item["id"]).creates.append(call)

    def _claim(self, call: Call) -> None:
        for item in call.answer["jobs"] if call.status == 200 else ():
            claim = _claim(call, item)
            self._claims[claim.lease] = claim
            self._of(claim.job).claims.append(claim)

    def _update(self, call: Call) -> None:
        self._claims[call.lease].updates.append(call)

    def _order(self, call: Call) -> None:
        self._of(call.job).orders.append(call)

    def _read(self, call: Call) -> None:
        self._of(call.job).reads.append(call)

    def _of(self, id_: str) -> Job:
        return self.jobs.setdefault(id_, Job(id_))


def _claim(call: Call, item: Any) -> Claim:
    lease = item["lease"]
    provisional = item.get("provisional", False)
    until = seconds_of(lease["expires_at"])
    return Claim(item["id"], item["attempt"], lease["token"], provisional, until, call)
