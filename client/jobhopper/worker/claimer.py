"""Fetches jobs for a worker, in a thread of its own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from jobhopper.claimed_job import ClaimedJob
from jobhopper.client import Client
from jobhopper.errors import JobhopperError
from jobhopper.tries import is_passing, pauses, retry_after
from jobhopper.worker.held import Held

_log = logging.getLogger("jobhopper.worker")

# How long a thread sleeps at most before it looks whether the worker was stopped.
_GLANCE = 0.2


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker asks for: `lease` and `wait` in seconds."""

    queues: Sequence[str]
    worker: str
    lease: int
    wait: float
    concurrency: int
    hold: int


class Claimer:
    """Claims while there is room, and hands over what it gets.

    `end` is set once no more jobs are wanted.
    """

    def __init__(
        self, client: Client, terms: Terms, held: Held, hand_over: Callable[[ClaimedJob], None]
    ) -> None:
        self._client = client
        self._terms = terms
        self._held = held
        self._hand_over = hand_over
        self._pauses = pauses()
        self.end = Event()

    def run(self, max_jobs: int | None, *, until_idle: bool) -> None:
        """Claims until `end` is set, `max_jobs` were taken, or, if asked, nothing is left.

        But for `end` it returns only when all that it claimed has been worked. Raises what
        can't pass by itself, such as Unauthorized.
        """
        left = max_jobs
        wait = 0.0 if until_idle else self._terms.wait
        while left != 0 and self._wait_for_room():
            room = self._terms.hold - len(self._held)
            jobs = self._claim(room if left is None else min(room, left), wait)
            if jobs is None:
                continue
            left = None if left is None else left - len(jobs)
            if until_idle and not jobs and self._all_done():
                return
        while not self.end.is_set() and not self._all_done():
            pass

    def _wait_for_room(self) -> bool:
        while not self.end.is_set():
            if self._held.wait_until(self._is_room, _GLANCE):
                return not self.end.is_set()
        return False

    def _is_room(self, count: int) -> bool:
        # With a stock beyond the threads, half of it is fetched at a time.
        return count < self._terms.concurrency or count <= self._terms.hold // 2

    def _claim(self, room: int, wait: float) -> list[ClaimedJob] | None:
        """Claims once; None when the server can't be reached."""
        terms = self._terms
        try:
            jobs = self._client.claim(terms.queues, room, terms.lease, wait, terms.worker)
        except JobhopperError as error:
            self._pause(error)
            return None
        self._pauses = pauses()
        self._held.add(jobs, terms.lease)
        for job in jobs:
            self._hand_over(job)
        return jobs

    def _pause(self, error: JobhopperError) -> None:
        if self.end.is_set():
            return
        if not is_passing(error):
            raise error
        pause = max(next(self._pauses), retry_after(error) or 0.0)
        _log.warning("no claim: %s; next try in %.1f s", error, pause)
        self.end.wait(pause)

    def _all_done(self) -> bool:
        """Waits for the held jobs; True when there were none, so that nothing can follow."""
        if len(self._held) == 0:
            return True
        self._held.wait_until(lambda count: count == 0, _GLANCE)
        return False
