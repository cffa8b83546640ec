"""Producers, claimers and two refillers at work at the same time."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobhopper_core.errors import UnavailableError
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_refiller.hoppers import Hoppers

from .hopper import QUEUE
from .mill import Mill


class Load:
    """Producers, claimers and two refillers at work; what they did."""

    def __init__(self, mill: Mill, url: str) -> None:
        self.mill = mill
        self.created: list[str] = []
        self.handed_out: list[str] = []
        # When a claim was begun that got jobs from the hopper.
        self.taken_at: list[float] = []
        self.creating, self.claiming = threading.Event(), threading.Event()
        self._hoppers = [
            Hoppers(mill.database, url, HopperLink(url, mill.link.commands), Names())
            for _ in range(2)
        ]

    @contextmanager
    def running(self, *, to_the_end: bool = True) -> Iterator[None]:
        """Two of each, until the block ends; then, `to_the_end`, what is left is worked off."""
        threads = [threading.Thread(target=self._create, args=(p,)) for p in (5, 2)]
        threads += [threading.Thread(target=self._claim) for _ in range(2)]
        threads += [threading.Thread(target=self._refill, args=(h.turn,)) for h in self._hoppers]
        for thread in threads:
            thread.start()
        try:
            yield
            self.creating.set()
            deadline = time.monotonic() + 20
            while to_the_end and self.mill.in_order() and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            self.creating.set()
            self.claiming.set()
            for thread in threads:
                thread.join()
            for hoppers in self._hoppers:
                hoppers._link.close()
                hoppers._client.close()

    def healed_after(self, then: float) -> float:
        """How long after `then` a job came from the hopper again."""
        return min((at for at in self.taken_at if at > then), default=float("inf")) - then

    def whole_after(self, then: float) -> float:
        """How long after `then` the hopper held all there is, so that offers go straight in."""
        while time.monotonic() < then + 5:
            found = self.mill.hopper.contents()
            if found.horizon == (1e300, ""):
                return time.monotonic() - then
            time.sleep(0.005)
        return float("inf")

    def check(self) -> None:
        assert self.mill.in_order() == []
        assert Counter(self.handed_out) == Counter(self.created)
        self.mill.hopper.check()

    def _create(self, priority: int) -> None:
        while not self.creating.is_set():
            self.created += self.mill.create(10, priority=priority)

    def _claim(self) -> None:
        while not self.claiming.is_set():
            with _patience():
                asked_at = time.monotonic()
                taken = self.mill.hopper.take(50, 250)
                if taken.jobs:
                    self.taken_at.append(asked_at)
                    self.handed_out += [job.id for job in self.mill.claim(taken.jobs)]
                else:
                    time.sleep(0.01)
                if taken.refill_due:
                    self.mill.link.run([("PUBLISH", Names().plain("refill"), QUEUE)])

    def _refill(self, turn: Callable[[], bool]) -> None:
        while not self.claiming.is_set():
            with _patience():
                turn()


@contextmanager
def _patience() -> Iterator[None]:
    try:
        yield
    except UnavailableError:
        time.sleep(0.05)
