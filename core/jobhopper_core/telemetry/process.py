"""What every process of Jobhopper exports about itself: its release, its loops, its readiness."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


def tell_release(registry: CollectorRegistry, component: str, version: str) -> None:
    """Exports which release of which component runs: dashboards count processes by it."""
    gauge = Gauge(
        "jobhopper_build_info",
        "The release that runs.",
        ["component", "version"],
        registry=registry,
    )
    gauge.labels(component, version).set(1)


class ProcessCollector(Collector):
    """The probes as metrics, worked out when asked: a loop that hangs can't set a gauge."""

    def __init__(
        self, ages: Callable[[], Mapping[str, float]], ready: Callable[[], Mapping[str, str]]
    ) -> None:
        self._ages = ages
        self._ready = ready

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The families of this moment."""
        ready = GaugeMetricFamily("jobhopper_ready", "1 while /readyz says so.")
        ready.add_metric([], float(not self._ready()))
        ages = GaugeMetricFamily(
            "jobhopper_loop_age_seconds", "How long ago each loop turned last.", labels=["loop"]
        )
        for loop, age in self._ages().items():
            ages.add_metric([loop], age)
        return (ready, ages)
