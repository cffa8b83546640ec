"""Short words for what the tests do to a store. Nothing here is special to one database."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.job import Attempt, ClaimedJob, Demand, Job
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.model.writes import Create, Outcome, Update, Write
from jobhopper_core.store import counts, queues
from jobhopper_core.store.apply import Applied, apply
from jobhopper_core.store.claim import Handout, claim
from jobhopper_core.store.database import Database
from jobhopper_core.store.expire import expire
from jobhopper_core.store.look_up import look_up
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.promote import promote
from jobhopper_core.store.save import Effects
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")

SECOND = 1_000_000
# A whole second, well after 1970, so that tests may go back as well as ahead.
START = 1_790_000_000_000_000
SHARDS = 4
PATIENCE = 30


class Clock:
    """The database's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


class Store:
    """A database and its clock, with one call a step; `chance` is the middle: no jitter."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.chance = 0.5
        self._ids = IdMaker()

    def write(self, verb: Callable[[Transaction], T]) -> T:
        return self.database.write(verb).result(PATIENCE)

    def read(self, verb: Callable[[Transaction], T]) -> T:
        return self.database.read(verb).result(PATIENCE)

    def ids(self, count: int) -> Sequence[str]:
        return self._ids.make(count, self.clock())

    def new(self, queue: str = "mail", **fields: Any) -> Create:
        """A create accepted now; `run_at` in µs since 1970."""
        given = {"type": "t", "payload": "null", "priority": 5, "max_attempts": 5, **fields}
        return Create(
            id=given.pop("id", None) or self.ids(1)[0],
            at=given.pop("at", self.clock()),
            queue=queue,
            **given,
        )

    def update(self, kind: type[Update], claimed: ClaimedJob, **fields: Any) -> Update:
        """A worker's update under the claim `claimed`, accepted now unless `at` is given."""
        fields.setdefault("at", self.clock())
        return kind(id=claimed.id, claim_id=claimed.claim_id, attempt=claimed.attempt, **fields)

    def apply(self, *writes: Write) -> Applied:
        return self.write(self.applying(*writes))

    def applying(self, *writes: Write) -> Callable[[Transaction], Applied]:
        return lambda tx: apply(tx, writes, lambda: self.chance, SHARDS)

    def send(self, kind: type[Update], claimed: ClaimedJob, **fields: Any) -> Outcome:
        return self.apply(self.update(kind, claimed, **fields)).outcomes[0]

    def create(self, queue: str = "mail", **fields: Any) -> str:
        new = self.new(queue, **fields)
        assert self.apply(new).outcomes == [Outcome.APPLIED]
        return new.id

    def hand_out(self, queue: str, *demands: Demand) -> Handout:
        return self.write(lambda tx: claim(tx, queue, demands))

    def claim(
        self, jobs: int = 1, queue: str = "mail", lease: float = 60, worker: str = "w1"
    ) -> list[ClaimedJob]:
        return self.hand_out(queue, Demand(jobs, round(lease * SECOND), worker)).jobs[0]

    def claimed(self, queue: str = "mail", **fields: Any) -> ClaimedJob:
        """A new job in the hands of a worker."""
        id_ = self.create(queue, **fields)
        (found,) = self.claim(queue=queue)
        assert found.id == id_
        return found

    def job(self, id_: str) -> Job:
        return self.read(lambda tx: look_up(tx, id_))[0]

    def attempts(self, id_: str) -> list[Attempt]:
        return self.read(lambda tx: look_up(tx, id_))[1]

    def endings(self, id_: str) -> list[tuple[int, str]]:
        return [(attempt.attempt, attempt.outcome) for attempt in self.attempts(id_)]

    def operate(self, id_: str, **order: Any) -> Effects:
        return self.write(lambda tx: operate(tx, id_, Order(**order)))

    def promote(self, limit: int = 1000) -> int:
        return sum(self.write(lambda tx, s=s: promote(tx, s, limit))[0] for s in range(SHARDS))

    def expire(self, before: int | None = None, limit: int = 1000) -> dict[str, int]:
        """Expires in every shard what ended before `before` (now); how many in each queue."""
        until = self.clock() if before is None else before
        total: dict[str, int] = {}
        for shard in range(SHARDS):
            found, _ = self.write(
                lambda tx, s=shard: expire(tx, s, until, limit, lambda: self.chance)
            )
            for queue, n in found.items():
                total[queue] = total.get(queue, 0) + n
        return total

    def set_queue(self, queue: str = "mail", **values: Any) -> QueueSettings:
        return self.write(lambda tx: queues.change(tx, queue, values))

    def depths(self, queue: str = "mail") -> dict[str, int]:
        """The counters of `queue` that are not zero."""
        found = self.read(lambda tx: counts.depths(tx, [queue]))[queue]
        return {status: n for status, n in found.items() if n}


class BrokenInto(Transaction):
    """A transaction into which another verb breaks once, just before the call `before`.

    So one connection plays two that interleave, at the very place that matters.
    """

    def __init__(
        self, tx: Transaction, before: str, other: Callable[[Transaction], object]
    ) -> None:
        super().__init__(tx.connection, tx.dialect, tx.slot)
        self._before = before
        self._other: Callable[[Transaction], object] | None = other

    def _break_in(self, at: str) -> None:
        other = self._other
        if at == self._before and other is not None:
            self._other = None
            other(Transaction(self.connection, self.dialect, self.slot))

    def update_matching(self, table: str, *given: Any) -> int:
        if table == "jobs":
            self._break_in("update_matching")
        return super().update_matching(table, *given)

    def read_in(self, *given: Any) -> Any:
        self._break_in("read_in")
        return super().read_in(*given)
