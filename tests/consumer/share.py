"""A shard's updates for a story of consumers that die: their order, and what comes of each."""

from typing import Any, NamedTuple

from store.steps import SECOND

from jobhopper_core.broker.envelope import decode
from jobhopper_core.model import ids
from jobhopper_core.model.writes import Extend, Fail, Release, Succeed, Update

from .ground import Ground
from .proxy import Proxy

HOUR = 3_600 * SECOND
# What is to be seen of a job after its update: status, failures, of a lease whether it is as long
# as the update asks for, and its attempts that ended.
AFTER: dict[type[Update], tuple[Any, ...]] = {
    Succeed: ("succeeded", 0, None, []),
    Fail: ("scheduled", 1, None, [(1, "failed")]),
    Release: ("queued", 0, None, [(1, "released")]),
    Extend: ("running", 0, True, []),
}
EXPIRED = ("scheduled", 1, None, [(1, "expired")])
KINDS = tuple(AFTER)


class Plan(NamedTuple):
    """Of one shard: how many updates come before its first tick, and then before its last one.

    `first` is how many the first consumer applies, `second` the update that holds up the second.
    """

    early: int
    late: int
    first: int
    second: int | None


class Share:
    """The jobs of a shard, in the order of their updates, and one whose worker says nothing.

    The leases of the early ones end within seconds, long before the first tick, and those of the
    late ones behind it, long before the last. Each update was accepted before its lease ended.
    """

    def __init__(self, ground: Ground, shard: int, plan: Plan) -> None:
        self.plan = plan
        self._ground, self._shard = ground, shard
        early = ground.running(plan.early, shard, lease=2)
        (self.silent,) = ground.running(1, shard, lease=2)
        self.jobs = early + ground.running(plan.late, shard, lease=300)
        self.number = {job.id: number for number, job in enumerate(self.jobs)}
        rows = ground.rows(f"SELECT MIN(lease_until) FROM jobs WHERE shard = {shard}")
        self._end: int = rows[0][0]
        self._first_tick, self._last_tick = self._end + 60 * SECOND, self._end + HOUR
        self._extended = self._end + 2 * HOUR

    def send(self, numbers: range) -> None:
        """Publishes updates; each tick where it belongs."""
        for number in numbers:
            if number == self.plan.early:
                self._ground.broker.tick(self._first_tick, shard=self._shard)
            self._ground.broker.send([self._update(number)])
        if numbers.stop == len(self.jobs):
            self._ground.broker.tick(self._last_tick, shard=self._shard)

    def tick_again(self) -> int:
        """Publishes one more tick, later than all others."""
        tick: int = self._last_tick + SECOND
        self._ground.broker.tick(tick, shard=self._shard)
        return tick

    def _update(self, number: int) -> Update:
        kind = KINDS[number % len(KINDS)]
        at = self._end - 1 if number < self.plan.early else self._first_tick + 1
        more = {Fail: {"retry_in": HOUR}, Extend: {"until": self._extended}}.get(kind, {})
        return self._ground.store.update(kind, self.jobs[number], at=at, **more)

    def came(self, wire: Proxy) -> list[int]:
        """The numbers of the updates in the order in which they came over `wire`."""
        writes = [write for body in tuple(wire.bodies) for write in decode(body).writes]
        return [self.number[write.id] for write in writes if write.id in self.number]

    def unapplied(self) -> set[int]:
        """The numbers of the updates that have not been applied."""
        rows = self._ground.rows(
            f"SELECT id FROM jobs WHERE shard = {self._shard} AND status = 'running'"
            f" AND lease_until < {self._extended}"
        )
        return {self.number[id_] for (raw,) in rows if (id_ := ids.text(raw)) in self.number}

    def wanted(self) -> dict[str, tuple[Any, ...]]:
        """What has to be seen of each job in the end."""
        kinds = [KINDS[number % len(KINDS)] for number in range(len(self.jobs))]
        after = {job.id: AFTER[kind] for job, kind in zip(self.jobs, kinds, strict=True)}
        return after | {self.silent.id: EXPIRED}

    def found(self) -> dict[str, tuple[Any, ...]]:
        """What is to be seen of each job now."""
        return {id_: self._look(id_) for id_ in self.wanted()}

    def _look(self, id_: str) -> tuple[Any, ...]:
        job = self._ground.store.job(id_)
        assert job.attempt == 1
        kept = None if job.lease_until is None else job.lease_until == self._extended
        return str(job.status), job.failures, kept, self._ground.store.endings(id_)
