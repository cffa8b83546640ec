"""Keeps the leases of all held jobs alive, from one thread."""

import logging
import time
from threading import Event, Thread

from jobhopper.client import Client
from jobhopper.errors import JobhopperError
from jobhopper.update import UpdateOutcome, extension
from jobhopper.worker.held import Held

_log = logging.getLogger("jobhopper.worker")

# Two beats may fail before a lease is lost.
BEATS_A_LEASE = 3
_LEAST_TIMEOUT = 1.0


class Heartbeat:
    """Extends every held lease by `lease` seconds, three times a lease.

    A job whose claim has ended is marked `lost`, so that its handler can see it.
    """

    def __init__(self, client: Client, held: Held, lease: int) -> None:
        self._interval = lease / BEATS_A_LEASE
        # The next beat is the repeat of one that failed.
        self._client = client.twin(timeout=max(_LEAST_TIMEOUT, self._interval), retry_for=0)
        self._held = held
        self._lease = lease
        self._ended = Event()
        self._thread = Thread(target=self._run, name="jobhopper-heartbeat", daemon=True)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the beating."""
        self._ended.set()
        self._client.abort()
        self._thread.join(_LEAST_TIMEOUT)
        self._client.close()

    def beat(self) -> None:
        """Extends all leases once, in one request."""
        jobs = self._held.standing()
        if not jobs:
            return
        end = time.monotonic() + self._lease
        try:
            outcomes = self._client.update_many([extension(job, self._lease) for job in jobs])
        except JobhopperError as error:
            self._note_failure(error)
            return
        for outcome in outcomes:
            self._note(outcome, end)

    def _run(self) -> None:
        due = time.monotonic() + self._interval
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due = time.monotonic() + self._interval
            try:
                self.beat()
            except Exception:  # noqa: BLE001 - without the thread every lease would end
                _log.exception("the heartbeat failed")

    def _note(self, outcome: UpdateOutcome, end: float) -> None:
        job, refused = outcome.job, outcome.refused
        if refused is None:
            self._held.renew(job, end)
        elif self._held.lose(job, refused.code):
            _log.warning("job %s: the claim has ended (%s)", job.id, refused.code)

    def _note_failure(self, error: JobhopperError) -> None:
        if self._ended.is_set():
            return
        _log.warning("heartbeat failed: %s", error)
        for job in self._held.overdue():
            if self._held.lose(job, "lease_expired"):
                _log.warning("job %s: the lease ran out while no heartbeat got through", job.id)
