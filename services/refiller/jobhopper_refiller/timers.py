"""What time does to jobs, and what has to be done now and then."""

import logging
import random
import time
from collections.abc import Callable
from functools import partial

from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.flows.timers import Turn, expire_straight, promote_due, sweep_keys
from jobhopper_core.store import partition_ahead, partitions
from jobhopper_core.store.database import Database
from jobhopper_core.store.transaction import Transaction
from jobhopper_refiller.telemetry import RefillerMetrics

_log = logging.getLogger(__name__)

PROMOTE_SECONDS = 0.2
SWEEP_SECONDS = 60.0
PARTITION_SECONDS = 3_600.0
EXPIRE_SECONDS = 0.5
# Without ticks for so long, with MySQL there throughout, leases are expired all the same.
TICKLESS_SECONDS = 15 * 60.0


class Timers:
    """The turns that work on the database; what changed is told to Redis."""

    def __init__(
        self, database: Database, flow: ApplyAndOffer, shards: int, metrics: RefillerMetrics
    ) -> None:
        self._database = database
        self._flow = flow
        self._shards = shards
        self._metrics = metrics
        self._mysql_since = time.monotonic()

    def promote(self) -> bool:
        """Lets scheduled jobs become due; not in an outage, before MySQL knows what goes on."""
        if self._flow.in_outage():
            return False
        return self._run("jobs_promoted", partial(promote_due, shards=self._shards))

    def expire(self) -> bool:
        """Ends leases that ran out, where no consumer does it by ticks."""
        verb = partial(expire_straight, shards=self._shards, chance=random.random)
        return self._run("leases_expired", verb)

    def expire_without_ticks(self, sent: Callable[[], float]) -> bool:
        """As `expire`, but only when ticks have been missing for 15 minutes of MySQL's presence."""
        try:
            self._database.read(lambda tx: tx.now()).result()
        except Exception:
            self._mysql_since = time.monotonic()
            raise
        oldest = time.monotonic() - TICKLESS_SECONDS
        tickless = sent() < oldest and self._mysql_since < oldest
        self._metrics.tickless.set(tickless)
        return self.expire() if tickless else False

    def sweep(self) -> bool:
        """Deletes idempotency keys past their time."""
        return self._run("idempotency_keys_deleted", sweep_keys)

    def make_partitions(self) -> bool:
        """Makes the months to come. Raises UnavailableError when a table is busy."""
        for table, _ in partitions.TABLES:
            months = self._database.read(partial(partition_ahead.missing, table=table)).result()
            if months:
                verb = partial(partition_ahead.split, table=table, months=months)
                self._database.write(verb).result()
                _log.info("partitions_made", extra={"table": table, "months": len(months)})
        return False

    def _run(self, event: str, verb: Callable[[Transaction], Turn]) -> bool:
        at_ms = self._flow.redis_time()
        turn = self._database.run(verb)
        if at_ms is not None:
            self._flow.tell(turn.effects, at_ms)
        for queue, n in turn.by_queue.items():
            self._metrics.expire(queue, n)
        if turn.done:
            _log.info(event, extra={"jobs": turn.done})
        return turn.again
