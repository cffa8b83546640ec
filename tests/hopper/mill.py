"""MySQL beside the hopper: jobs are created, claimed and changed as the services do it."""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import redis
from store.steps import PATIENCE, SHARDS

from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.flows.refill import Refill
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import Held, claimed
from jobhopper_core.model import ids
from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.job import ClaimedJob
from jobhopper_core.model.times import SECOND
from jobhopper_core.model.writes import Create, Write
from jobhopper_core.store import queues
from jobhopper_core.store.apply import apply
from jobhopper_core.store.claim import Pick, claim_known
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.save import Effects
from jobhopper_core.store.transaction import Transaction

from .hopper import QUEUE, Hopper

T = TypeVar("T")
# The order in which MySQL itself hands out, asked in the plainest way.
_IN_ORDER = "SELECT id FROM jobs WHERE ready_queue = ? ORDER BY priority, run_at, id"
# Jobs by the hundred thousand, by plain SQL: id, run_at and priority follow from a number.
_MANY = """
INSERT INTO jobs (id, shard, queue, type, status, priority, run_at, max_attempts, ready_queue,
                  created_at, updated_at, payload)
WITH RECURSIVE d AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM d WHERE n < 999)
SELECT UNHEX(CONCAT('0190000000007000', LPAD(HEX(b.n), 8, '0'), LPAD(HEX(a.n), 8, '0'))),
       MOD(a.n, 4), ?, 't', 'queued', ?, (1700000000000 + b.n * 1000 + a.n) * 1000, 5, ?, 1, 1,
       '{"n": 1}'
FROM d a JOIN d b ON b.n >= ? AND b.n < ?
"""


class Mill:
    """The services' steps on one queue, in MySQL's own time; any thread may take them."""

    def __init__(self, url: str, link: HopperLink, raw: redis.Redis) -> None:
        self.database = open_mysql(url, slot=0, threads=10)
        self.link = link
        self.hopper = Hopper(link, raw)
        self.flow = ApplyAndOffer(self.database, link, Names(), SHARDS)
        self.refill = Refill(self.database, link)
        self._ids = IdMaker()
        self.write(partial(queues.ensure, name=QUEUE))

    def close(self) -> None:
        self.database.close()

    def write(self, verb: Callable[[Transaction], T]) -> T:
        return self.database.write(verb).result(PATIENCE)

    def read(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        verb = partial(Transaction.read, sql=sql, parameters=parameters)
        return [tuple(row) for row in self.database.read(verb).result(PATIENCE)]

    def new(self, count: int, **fields: Any) -> list[Create]:
        now = self.database.clock()
        given = {"type": "t", "payload": "null", "priority": 5, "max_attempts": 5, **fields}
        made = self._ids.make(count, now)
        return [Create(id=id_, at=now, queue=QUEUE, **given) for id_ in made]

    def create(self, count: int = 1, *, tell: bool = True, **fields: Any) -> list[str]:
        """New jobs, as the consumer makes them; without `tell` their offers are lost."""
        new = self.new(count, **fields)
        self.apply(*new, tell=tell)
        return [one.id for one in new]

    def create_many(self, thousands: int, first: int = 0, priority: int = 5) -> None:
        """Thousands of jobs whose offers are lost, in the order of their ids."""
        given = (QUEUE, priority, QUEUE, first, first + thousands)
        self.write(lambda tx: tx.run(_MANY, given))

    def apply(self, *writes: Write, tell: bool = True) -> None:
        at_ms = self.flow.redis_time()
        applied = self.write(lambda tx: apply(tx, writes, lambda: 0.5, SHARDS))
        self._tell(applied.effects, at_ms if tell else None)

    def operate(self, job_id: str, **order: Any) -> None:
        self.tell_of(lambda tx: operate(tx, job_id, Order(**order)))

    def tell_of(self, verb: Callable[[Transaction], Effects]) -> None:
        at_ms = self.flow.redis_time()
        self._tell(self.write(verb), at_ms)

    def claim(self, held: Sequence[Held]) -> list[ClaimedJob]:
        """Claims what was taken from the hopper; those that MySQL gave."""
        now = self.database.clock()
        picks = [
            Pick(0, "w", claimed(job, secrets.token_hex(16), now + 60 * SECOND)) for job in held
        ]
        won = (
            self.write(partial(claim_known, queue=QUEUE, picks=picks, now=now)) if picks else set()
        )
        return [pick.job for pick in picks if pick.job.id in won]

    def in_order(self) -> list[str]:
        return [ids.text(row[0]) for row in self.read(_IN_ORDER, QUEUE)]

    def drain(self, count: int = 50, *, low_water: int = 0) -> list[str]:
        """Takes and claims until the hopper says that there is no more, refilling when told."""
        found: list[str] = []
        while True:
            taken = self.hopper.take(count, low_water)
            found += [job.id for job in self.claim(taken.jobs)]
            if taken.state == "ok" and not taken.jobs:
                return found
            if taken.refill_due:
                self.refill.run(QUEUE, from_start=False)

    def _tell(self, effects: Effects, at_ms: int | None) -> None:
        if at_ms is not None:
            self.flow.tell(effects, at_ms)
