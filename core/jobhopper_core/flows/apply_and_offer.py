"""Applies a batch of a lane and tells Redis: commit, then offer.

A fresh tick T of the updates' lane expires, in the same transaction, the leases that ended
before T - 10 s: everything that was accepted before T has been applied by then, so no lease
ends under an accepted update.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import StoreFullError, UnavailableError
from jobhopper_core.hopper.commands import Command
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.outage import Phase, phase_of
from jobhopper_core.hopper.telling import told, untold
from jobhopper_core.model.times import SECOND
from jobhopper_core.model.writes import Outcome, Write
from jobhopper_core.store import counts
from jobhopper_core.store import shards as shard_rows
from jobhopper_core.store.apply import apply
from jobhopper_core.store.database import Database
from jobhopper_core.store.expire import expire
from jobhopper_core.store.refill import ReadyJob, ready_by_id
from jobhopper_core.store.save import Effects
from jobhopper_core.store.transaction import Transaction

_log = logging.getLogger(__name__)

EXPIRY_GRACE = 10 * SECOND
_EXPIRE_LIMIT = 500
Also = Callable[[Transaction], None]


@dataclass(slots=True)
class Done:
    """What became of a batch: outcomes in order, leases expired by queue, and the ticks (µs)."""

    outcomes: list[Outcome] = field(default_factory=list)
    expired: dict[str, int] = field(default_factory=dict)
    ticks: Mapping[int, int] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)


class ApplyAndOffer:
    """Applies batches; without a link nothing is told and the refiller's reads do it alone."""

    def __init__(
        self, database: Database, link: HopperLink | None, names: Names, shards: int
    ) -> None:
        self._database = database
        self._link = link
        self._names = names
        self._shards = shards

    def run(
        self,
        lane: Lane,
        shards: Sequence[int],
        writes: Sequence[Write],
        ticks: Mapping[int, int],
        also: Also | None = None,
    ) -> Done:
        """Applies `writes` of `shards` and the `ticks` (µs, by shard) in one transaction.

        `also` runs within it.

        Raises StoreDataError, or UnavailableError when MySQL can't serve. Redis being away
        fails nothing.
        """
        at_ms = self.redis_time()
        verb = partial(self._apply, lane=lane, shards=shards, writes=writes, ticks=ticks, also=also)
        done = self._database.run(verb)
        if at_ms is not None:
            self.tell(done.effects, at_ms)
        return done

    def tell(self, effects: Effects, at_ms: int) -> None:
        """Passes `effects` on to Redis, as well as that can be done."""
        if self._link is None:
            return
        try:
            ready = self._ready(effects)
            now = self._database.clock()
            commands = told(self._link.commands, self._names, effects, ready, at_ms, now)
            if commands:
                self._say(self._link, commands, effects, ready)
        except UnavailableError as error:
            _log.info("offer_lost", extra={"reason": str(error)[:200]})

    def _say(
        self,
        link: HopperLink,
        commands: Sequence[Command],
        effects: Effects,
        ready: Sequence[ReadyJob],
    ) -> None:
        try:
            link.run(commands)
        except StoreFullError:
            if missed := untold(link.commands, effects, ready):
                link.run(missed)
            raise

    def _apply(
        self,
        tx: Transaction,
        lane: Lane,
        shards: Sequence[int],
        writes: Sequence[Write],
        ticks: Mapping[int, int],
        also: Also | None,
    ) -> Done:
        # Nobody else holds these shards in this lane, so the counter rows are its own too.
        tx.slot = counts.slot_of(lane is Lane.UPDATES, min(shards))
        shard_rows.lock(tx, lane, shards)
        applied = apply(tx, writes, random.random, self._shards)
        done = Done(applied.outcomes, ticks=ticks, effects=applied.effects)
        for shard, tick in sorted(ticks.items()):
            shard_rows.note_tick(tx, lane, shard, tick)
            if lane is Lane.UPDATES:
                self._expire(tx, shard, tick, done)
        if also is not None:
            also(tx)
        return done

    def _expire(self, tx: Transaction, shard: int, tick: int, done: Done) -> None:
        before = tick - EXPIRY_GRACE
        expired, effects = expire(tx, shard, before, _EXPIRE_LIMIT, random.random)
        for queue, n in expired.items():
            done.expired[queue] = done.expired.get(queue, 0) + n
        done.effects.add(effects)

    def _ready(self, effects: Effects) -> list[ReadyJob]:
        ids = [job_id for _, job_id in effects.readied]
        if not ids:
            return []
        return self._database.run(partial(ready_by_id, job_ids=ids))

    def in_outage(self) -> bool:
        """Whether the hopper knows more than MySQL; not when Redis is away."""
        if self._link is None:
            return False
        try:
            phase = self._link.run([self._link.commands.phase()])[0]
        except UnavailableError:
            return False
        return phase_of(phase) is not Phase.NONE

    def redis_time(self) -> int | None:
        """Redis's time (ms), to be taken before the database is read; None when it is away."""
        try:
            return self._link.now_ms() if self._link is not None else None
        except UnavailableError:
            return None
