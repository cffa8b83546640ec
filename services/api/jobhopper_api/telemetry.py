"""The API's metrics. Queue labels stop at the first 500, so a label can't grow without bound."""

import collections
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from jobhopper_core.telemetry.labels import QueueLabel
from jobhopper_core.telemetry.process import tell_release

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 60)


class ApiMetrics:
    """What the API counts and measures, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        # A series more for each counter, which nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self.label = QueueLabel()
        self.created = Counter(
            "jobhopper_jobs_created_total",
            "Jobs accepted, by where they were durable when answered.",
            ["queue", "receipt"],
            registry=registry,
        )
        self.claimed = Counter(
            "jobhopper_jobs_claimed_total",
            "Jobs handed out, by where they were found.",
            ["queue", "path"],
            registry=registry,
        )
        self.updates = Counter(
            "jobhopper_updates_total",
            "Worker updates accepted, by the status they set (heartbeat: none).",
            ["queue", "status", "receipt"],
            registry=registry,
        )
        self.skipped = Counter(
            "jobhopper_writes_skipped_total",
            "Writes that no longer applied, by reason.",
            ["reason"],
            registry=registry,
        )
        self.requests = Histogram(
            "jobhopper_http_request_duration_seconds",
            "Duration of HTTP requests; long polls take as long as they wait.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.waiting = Gauge(
            "jobhopper_claims_waiting", "Claims that wait for work.", registry=registry
        )
        self.store_up = Gauge(
            "jobhopper_store_up", "Whether a store answers.", ["store"], registry=registry
        )
        self.breaker_open = Gauge(
            "jobhopper_store_breaker_open",
            "1 while calls to a store are refused at once because it did not answer.",
            ["store"],
            registry=registry,
        )
        self.settled_letters = Counter(
            "jobhopper_dead_letters_settled_total",
            "Dead letters that operators resent or dropped.",
            ["action"],
            registry=registry,
        )
        self.outage = Gauge(
            "jobhopper_outage",
            "1 in the phase that an outage of MySQL is in; all 0 when there is none.",
            ["phase"],
            registry=registry,
        )
        tell_release(registry, "api", version)


def count(metric: Counter, labels: Iterable[tuple[str, ...]]) -> None:
    """Adds one to `metric` for each of `labels`; the series is looked for once a kind."""
    for kind, n in collections.Counter(labels).items():
        metric.labels(*kind).inc(n)
