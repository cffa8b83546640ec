"""The consumer's metrics."""

import time
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jobhopper_core.broker.names import Lane
from jobhopper_core.flows.apply_and_offer import Done
from jobhopper_core.model.times import SECOND
from jobhopper_core.model.writes import Outcome
from jobhopper_core.telemetry.labels import QueueLabel
from jobhopper_core.telemetry.process import tell_release

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_SKIPS = frozenset(Outcome) - {Outcome.APPLIED, Outcome.DUPLICATE}


class ConsumerMetrics:
    """What the consumer counts and measures."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tell_release(registry, "consumer", version("jobhopper-consumer"))
        self._label = QueueLabel()
        self._lag = Gauge(
            "jobhopper_consumer_lag_seconds",
            "How long the newest applied tick took from its making, by lane and shard.",
            ["lane", "shard"],
            registry=registry,
        )
        self._ticked = Gauge(
            "jobhopper_tick_applied_timestamp_seconds",
            "When the newest applied tick was made, by the database's clock.",
            ["lane", "shard"],
            registry=registry,
        )
        self._took = Histogram(
            "jobhopper_apply_duration_seconds",
            "Duration of the transactions that apply a batch.",
            ["lane"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._writes = Counter(
            "jobhopper_writes_applied_total", "Writes applied.", ["lane"], registry=registry
        )
        self._skipped = Counter(
            "jobhopper_writes_skipped_total",
            "Writes that no longer applied, by reason.",
            ["reason"],
            registry=registry,
        )
        self._expired = Counter(
            "jobhopper_leases_expired_total",
            "Leases that ran out before their worker was heard of.",
            ["queue"],
            registry=registry,
        )
        self.buried = Counter(
            "jobhopper_dead_letters_sent_total",
            "Writes sent to the dead-letter queue.",
            ["lane"],
            registry=registry,
        )
        self.halted = Gauge(
            "jobhopper_shard_halted",
            "1 while a shard is stopped because of too many dead letters.",
            ["shard"],
            registry=registry,
        )
        # There from the start: a counter that begins at 1 shows no increase.
        for lane in Lane:
            self.buried.labels(lane)
            self.halted.labels(str(lane))

    def observe(self, lane: Lane, done: Done, seconds: float) -> None:
        """Notes one applied batch."""
        self._took.labels(lane).observe(seconds)
        self._writes.labels(lane).inc(sum(o is Outcome.APPLIED for o in done.outcomes))
        for outcome in done.outcomes:
            if outcome in _SKIPS:
                self._skipped.labels(outcome.value).inc()
        for queue, n in done.expired.items():
            self._expired.labels(self._label(queue)).inc(n)
        for shard, tick in done.ticks.items():
            self._lag.labels(lane, shard).set(max(0.0, time.time() - tick / SECOND))
            self._ticked.labels(lane, shard).set(tick / SECOND)
