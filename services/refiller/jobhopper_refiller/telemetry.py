"""The refiller's metrics: what it does, and the gauges that it reads for everybody."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge

from jobhopper_core.telemetry.labels import QueueLabel
from jobhopper_core.telemetry.process import tell_release


class RefillerMetrics:
    """Both replicas export the gauges: dashboards take `max by`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tell_release(registry, "refiller", version("jobhopper-refiller"))
        self.label = QueueLabel()
        self._expired = Counter(
            "jobhopper_leases_expired_total",
            "Leases that ran out before their worker was heard of.",
            ["queue"],
            registry=registry,
        )
        self.jobs = Gauge(
            "jobhopper_queue_jobs",
            "Jobs by status; silenced ones apart.",
            ["queue", "status"],
            registry=registry,
        )
        self.oldest = Gauge(
            "jobhopper_queue_oldest_ready_age_seconds",
            "How long the oldest ready job has been waiting.",
            ["queue"],
            registry=registry,
        )
        self.paused = Gauge(
            "jobhopper_queue_paused", "1 while nothing is handed out.", ["queue"], registry=registry
        )
        self.hopper = Gauge(
            "jobhopper_hopper_jobs", "Jobs in the hopper.", ["queue"], registry=registry
        )
        self.cover = Gauge(
            "jobhopper_hopper_cover_seconds",
            "How long the hopper lasts without MySQL at the rate of the last minute's claims.",
            ["queue"],
            registry=registry,
        )
        self.drift = Gauge(
            "jobhopper_audit_drift",
            "What the last audit found in disagreement, by what it compared.",
            ["check"],
            registry=registry,
        )
        self.audited = Gauge(
            "jobhopper_audit_timestamp_seconds",
            "When the last audit was made; 0: none yet.",
            registry=registry,
        )
        self.dead = Gauge(
            "jobhopper_dead_letters", "Messages in the dead-letter queue.", registry=registry
        )
        self.backlog = Gauge(
            "jobhopper_broker_messages",
            "Messages that wait in RabbitMQ, ticks among them.",
            ["lane", "shard"],
            registry=registry,
        )
        self.tick_sent = Gauge(
            "jobhopper_tick_sent_timestamp_seconds",
            "When RabbitMQ took the newest round of ticks; at first, when the process began.",
            registry=registry,
        )
        self.silenced_at = Gauge(
            "jobhopper_silence_last_success_timestamp_seconds",
            "When the last silencing ended well.",
            registry=registry,
        )
        self.silenced_unfinished = Gauge(
            "jobhopper_silenced_unfinished_jobs",
            "Jobs that the last silencing took although they were not finished.",
            registry=registry,
        )
        self.last_partition = Gauge(
            "jobhopper_last_partition_holds_rows",
            "1 when rows went into the last partition: months were not made in time.",
            registry=registry,
        )
        self.tickless = Gauge(
            "jobhopper_expiring_without_ticks",
            "1 while leases expire although no ticks could be sent for 15 minutes.",
            registry=registry,
        )

    def expire(self, queue: str, n: int) -> None:
        """Notes leases that ran out."""
        self._expired.labels(self.label(queue)).inc(n)
