"""How full the hoppers are, and how long they would last without MySQL."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from jobhopper_core.hopper import mirror
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_refiller.telemetry import RefillerMetrics

COVER_SECONDS = 5.0
# Over so long the rate of claims is measured.
_WINDOW_SECONDS = 60.0
Sample = tuple[float, int]


class Cover:
    """One turn asks Redis alone, so that it goes on in an outage of MySQL.

    `listed` tells the queues that MySQL named last: a Redis that is full can't be told of new ones.
    """

    def __init__(
        self,
        link: HopperLink,
        names: Names,
        metrics: RefillerMetrics,
        listed: Callable[[], Iterable[str]],
    ) -> None:
        self._link = link
        self._names = names
        self._metrics = metrics
        self._listed = listed
        self._samples: defaultdict[str, deque[Sample]] = defaultdict(deque)

    def turn(self) -> bool:
        """Sets the gauges. Raises UnavailableError."""
        mirrored = mirror.queue_names(self._link.run([("GET", self._names.plain("queues"))])[0])
        known = {*mirrored, *self._listed()}
        commands = []
        for queue in known:
            ready, _, horizon, *_ = self._names.of_queue(queue)
            commands += [("ZCARD", ready), ("HGET", horizon, "taken")]
        replies = self._link.run(commands) if commands else []
        now = time.monotonic()
        for queue, depth, taken in zip(known, replies[::2], replies[1::2], strict=True):
            label = self._metrics.label(queue)
            self._metrics.hopper.labels(label).set(depth)
            samples = self._samples[queue]
            note(samples, (now, int(taken or 0)))
            self._metrics.cover.labels(label).set(cover(depth, samples))
        for queue in self._samples.keys() - known:
            del self._samples[queue]
        return False


def note(samples: deque[Sample], sample: Sample) -> None:
    """Adds a sample of (s, jobs taken so far), and drops those that are older than the window."""
    if samples and sample[1] < samples[-1][1]:
        # Redis was emptied.
        samples.clear()
    samples.append(sample)
    while len(samples) > 2 and samples[1][0] <= sample[0] - _WINDOW_SECONDS:  # noqa: PLR2004
        samples.popleft()


def cover(depth: int, samples: deque[Sample]) -> float:
    """How many seconds `depth` jobs last at the rate of the samples; infinite when none go."""
    (began, first), (ended, last) = samples[0], samples[-1]
    if last == first:
        return float("inf")
    return depth * (ended - began) / (last - first)
