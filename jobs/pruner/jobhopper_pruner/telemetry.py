"""The pruner's metrics: how far a run has come."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge

from jobhopper_core.telemetry.process import tell_release


class PrunerMetrics:
    """Of the run that goes on; what it came to is told by the refillers, from `prune_runs`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tell_release(registry, "pruner", version("jobhopper-pruner"))
        self._seen = Gauge(
            "jobhopper_silence_seen_jobs", "Jobs that the run has looked at.", registry=registry
        )
        self._changed = Gauge(
            "jobhopper_silence_changed_jobs",
            "Jobs that the run has silenced, or let be heard again.",
            registry=registry,
        )

    def set(self, seen: int, changed: int) -> None:
        """Notes how many jobs were looked at and changed so far."""
        self._seen.set(seen)
        self._changed.set(changed)
