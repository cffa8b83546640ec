"""Compares what was accepted, persisted, offered and leased, on the live system.

Each turn looks at a bounded part: all of the sample of accepted jobs, what timers should have done,
the heads of some hoppers, the counters of some queues. What changes under its hands is told from
drift by looking twice: only what disagreed in the turn before, too, counts. So some of the queues
that a turn looks at are those in which the last one saw something.
"""

import random
from collections.abc import Sequence
from functools import partial

import msgspec

from jobhopper_core.broker.names import Lane
from jobhopper_core.flows.apply_and_offer import EXPIRY_GRACE, ApplyAndOffer
from jobhopper_core.hopper import audit
from jobhopper_core.hopper.audit import Check, Report
from jobhopper_core.hopper.commands import CAPACITY
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import score
from jobhopper_core.model import ids
from jobhopper_core.model.limits import QUEUES_MAX
from jobhopper_core.model.states import Status
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import audit as reads
from jobhopper_core.store import queues
from jobhopper_core.store import shards as shard_rows
from jobhopper_core.store.database import Database
from jobhopper_refiller.telemetry import RefillerMetrics

AUDIT_SECONDS = 20.0
# A timer that is so late (µs) has not just been busy.
_LATE = 30 * SECOND
_LIMIT = 1_000
_QUEUES = 20
# At most so many of them because of the last turn: in busy queues there is always something.
_SEEN_QUEUES = 10
# Of the table of jobs, to hold the counters against it: a third of a second's work for MySQL.
_ROWS = 100_000
_EXAMPLES = 5
CHECKS = ("accepted", "leases", "schedule", "offered", "held", "counters")


class Audit:
    """One turn is one report."""

    def __init__(
        self,
        database: Database,
        flow: ApplyAndOffer,
        link: HopperLink,
        names: Names,
        shards: int,
        metrics: RefillerMetrics,
    ) -> None:
        self._database = database
        self._flow = flow
        self._link = link
        self._names = names
        self._shards = shards
        self._metrics = metrics
        # What disagreed in the last turn, by check.
        self._doubted: dict[str, set[str]] = {}
        # The queues in which it did.
        self._seen: set[str] = set()

    def turn(self) -> bool:
        """Audits once; not in an outage, when nothing has to agree. Raises UnavailableError."""
        if self._flow.in_outage():
            return False
        ticks = self._database.read(shard_rows.ticks).result()
        now = self._database.read(lambda tx: tx.now()).result()
        chosen = self._chosen()
        checks = [
            self._accepted(ticks, now),
            self._leases(ticks),
            self._schedule(now),
            *self._hoppers(chosen),
            self._counters(chosen),
        ]
        for check in checks:
            self._metrics.drift.labels(check.name).set(check.drift)
        self._metrics.audited.set(now / SECOND)
        self._link.run([audit.keep(self._names, Report(now, checks))])
        return False

    def _chosen(self) -> list[str]:
        verb = partial(queues.page, after="", limit=QUEUES_MAX)
        known = [name for name, _ in self._database.read(verb).result()]
        seen, self._seen = self._seen & set(known), set()
        again = random.sample(sorted(seen), min(_SEEN_QUEUES, len(seen)))
        others = [name for name in known if name not in again]
        return again + random.sample(others, min(_QUEUES - len(again), len(others)))

    def _accepted(self, ticks: dict[tuple[str, int], int], now: int) -> Check:
        """What was accepted before its shard's newest tick is in the table."""
        found = [id_.decode() for id_ in self._link.run([audit.sampled(self._names)])[0]]
        due = [one for one in found if ids.unix_ms(one) * 1000 < self._settled(ticks, one, now)]
        missing = self._database.read(partial(reads.missing, job_ids=due)).result() if due else []
        settled = sorted(set(due) - set(missing))
        if settled:
            self._link.run([audit.settled(self._names, settled)])
        return self._twice("accepted", len(due), missing)

    def _settled(self, ticks: dict[tuple[str, int], int], id_: str, now: int) -> int:
        """Before when (µs) jobs of the id's shard have to be there."""
        tick = ticks.get((Lane.CREATES.value, ids.shard(id_, self._shards)), 0)
        # Without RabbitMQ nothing is on its way for longer than a call takes.
        return (tick or now - 10 * SECOND) - SECOND

    def _leases(self, ticks: dict[tuple[str, int], int]) -> Check:
        """No lease outlives the tick that ends it."""
        late = 0
        for shard in range(self._shards):
            before = ticks.get((Lane.UPDATES.value, shard), 0) - EXPIRY_GRACE - _LATE
            late += self._overdue(shard, Status.RUNNING, before)
        return Check("leases", self._shards, late)

    def _schedule(self, now: int) -> Check:
        """No scheduled job is long past its time."""
        late = sum(self._overdue(s, Status.SCHEDULED, now - _LATE) for s in range(self._shards))
        return Check("schedule", self._shards, late)

    def _overdue(self, shard: int, status: Status, before: int) -> int:
        verb = partial(reads.overdue, shard=shard, status=status, before=before, limit=_LIMIT)
        return self._database.read(verb).result()

    def _hoppers(self, chosen: Sequence[str]) -> tuple[Check, Check]:
        """Below its horizon a hopper holds every queued job, and none that is not queued."""
        compared, lacking, stale = 0, [], []
        for queue in chosen:
            ready, _, horizon, taken, *_ = self._names.of_queue(queue)
            bound, held, handed = self._link.run(
                [
                    ("HMGET", horizon, "score", "id"),
                    ("ZRANGE", ready, 0, CAPACITY - 1),
                    ("ZRANGE", taken, 0, -1),
                ]
            )
            if bound[0] is None:
                continue
            horizon_at = (float(bound[0]), bound[1].decode())
            verb = partial(reads.ready_places, queue=queue, limit=CAPACITY)
            places = self._database.read(verb).result()
            below = [id_ for p, at, id_ in places if (score(p, at), id_) < horizon_at]
            there = {id_.decode() for id_ in (*held, *handed)}
            lacks = [id_ for id_ in below if id_ not in there]
            in_ready = [id_.decode() for id_ in held]
            queued = self._database.read(partial(reads.ready, job_ids=in_ready)).result()
            ghosts = [id_ for id_ in in_ready if id_ not in queued]
            if lacks or ghosts:
                self._seen.add(queue)
            lacking += lacks
            stale += ghosts
            compared += len(below) + len(in_ready)
        return self._twice("offered", compared, lacking), self._twice("held", compared, stale)

    def _counters(self, chosen: Sequence[str]) -> Check:
        """The counters say what the table holds."""
        compared, left = 0, _ROWS
        wrong: dict[str, str] = {}
        doubted = {_queue_of(one) for one in self._doubted.get("counters", ())}
        # Those that were in doubt first: what is left then goes to some of the others.
        for queue in sorted(random.sample(chosen, len(chosen)), key=lambda q: q not in doubted):
            verb = partial(reads.counted, queue=queue, most=left)
            statuses, looked = self._database.read(verb).result()
            left -= looked
            compared += len(statuses)
            for status, (kept, there) in statuses.items():
                if kept != there:
                    self._seen.add(queue)
                    wrong[f"{queue} {status}"] = f"{queue} {status}: {kept} counted, {there} there"
            if left <= 0:
                break
        found = self._twice("counters", compared, list(wrong))
        return msgspec.structs.replace(found, examples=[wrong[one] for one in found.examples])

    def _twice(self, name: str, compared: int, doubted: Sequence[str]) -> Check:
        before, self._doubted[name] = self._doubted.get(name, set()), set(doubted)
        sure = [one for one in doubted if one in before]
        return Check(name, compared, len(sure), sure[:_EXAMPLES])


def _queue_of(doubt: str) -> str:
    return doubt.rpartition(" ")[0]
