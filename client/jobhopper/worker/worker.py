"""The worker: claims jobs, runs their handlers in threads, keeps leases, reports ends."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from jobhopper.claimed_job import ClaimedJob
from jobhopper.client import Client
from jobhopper.errors import InvalidArgument, JobhopperError
from jobhopper.update import giving_back
from jobhopper.worker.claimer import Claimer, Terms
from jobhopper.worker.heartbeat import Heartbeat
from jobhopper.worker.held import Held
from jobhopper.worker.runner import Handler, Runner
from jobhopper.worker.stop_signals import stop_on_signals

_log = logging.getLogger("jobhopper.worker")

LEASE_MAX = 43_200
# A busy queue answers a claim within this, so that no jobs get lost on their way here.
_LAST_CLAIM = 1.0


class Worker:
    """Works the jobs of `queues` with `handlers`, one function a job type.

    `concurrency`: handlers at the same time, each in a thread. `lease` (s): how long the jobs
    stay with this worker should it die; while it lives, heartbeats extend it. `hold`: jobs
    leased at once, running and waiting here (default `concurrency`; more saves claims where
    jobs are short). `wait` (s): how long a claim waits for jobs. `grace` (s): how long a stop
    waits for running handlers. `name`: default host, process and four letters by chance.

    A handler takes the ClaimedJob and returns the result. It may raise Retry or Fail; any other
    exception fails the attempt too. Delivery is at least once: a handler must bear to be run
    again, and a long one should look at `job.cancelled`.

        Worker(client, ["mail"], handlers={"welcome": send_welcome}).run()
    """

    def __init__(
        self,
        client: Client,
        queues: str | Sequence[str],
        *,
        handlers: Mapping[str, Handler],
        concurrency: int = 1,
        lease: int = 60,
        name: str | None = None,
        hold: int | None = None,
        wait: float = 20.0,
        grace: float = 30.0,
    ) -> None:
        self.name = name or default_name()
        names = [queues] if isinstance(queues, str) else list(queues)
        self._terms = Terms(names, self.name, lease, wait, concurrency, hold or concurrency)
        _check(self._terms, handlers)
        self._client = client
        self._grace = grace
        self._held = Held()
        self._runner = Runner(client, handlers, self._held)
        # Unlike an Event it may be used in a signal handler.
        self._wake: SimpleQueue[Exception | None] = SimpleQueue()
        self._ready: SimpleQueue[ClaimedJob | None] = SimpleQueue()

    def run(self, *, max_jobs: int | None = None, until_idle: bool = False) -> None:
        """Works until `stop`, SIGTERM or Ctrl-C, until `max_jobs`, or until nothing is left.

        Then it finishes what runs within `grace` seconds and gives the rest back. Raises what
        does not pass by itself, such as Unauthorized; while the server is away, it waits.
        """
        claims = self._client.twin(retry_for=0)
        claimer = Claimer(claims, self._terms, self._held, self._ready.put)
        heartbeat = Heartbeat(self._client, self._held, self._terms.lease)
        fetching = _thread(lambda: self._fetch(claimer, max_jobs, until_idle=until_idle))
        with stop_on_signals(self.stop):
            heartbeat.start()
            fetching.start()
            self._start_handlers()
            reason = self._wake.get()
            self._end_claims(claimer, claims, fetching)
            self._let_finish(claims)
            heartbeat.stop()
        claims.close()
        if reason is not None:
            raise reason

    def stop(self) -> None:
        """Has `run` come to its end, also one that has not begun yet; returns at once.

        Any thread and any signal handler may call it.
        """
        self._wake.put(None)

    def _fetch(self, claimer: Claimer, max_jobs: int | None, *, until_idle: bool) -> None:
        try:
            claimer.run(max_jobs, until_idle=until_idle)
        except Exception as error:  # noqa: BLE001 - `run` raises it in the caller's thread
            self._wake.put(error)
        else:
            self._wake.put(None)

    def _start_handlers(self) -> None:
        for _ in range(self._terms.concurrency):
            _thread(self._handle).start()

    def _handle(self) -> None:
        while (job := self._ready.get()) is not None:
            try:
                self._runner.run(job)
            except Exception:  # noqa: BLE001 - the thread has to live on
                _log.exception("job %s: the worker failed", job.id)

    def _end_claims(self, claimer: Claimer, claims: Client, fetching: Thread) -> None:
        claimer.end.set()
        fetching.join(_LAST_CLAIM)
        claims.abort()
        fetching.join(_LAST_CLAIM)

    def _let_finish(self, client: Client) -> None:
        """Gives back what no handler has begun, and after `grace` what still runs."""
        self._give_back(client, self._take_unstarted())
        for _ in range(self._terms.concurrency):
            self._ready.put(None)
        if not self._held.wait_until(lambda count: count == 0, self._grace):
            self._give_back(client, self._held.standing())

    def _take_unstarted(self) -> list[ClaimedJob]:
        jobs: list[ClaimedJob] = []
        while True:
            try:
                job = self._ready.get_nowait()
            except Empty:
                return jobs
            if job is not None:
                jobs.append(job)

    def _give_back(self, client: Client, jobs: list[ClaimedJob]) -> None:
        updates = [giving_back(job) for job in jobs if self._held.lose(job, "released")]
        for update in updates:
            self._held.drop(update.job)
        try:
            client.update_many(updates)
        except JobhopperError as error:
            _log.warning("%d jobs stay leased until their leases end: %s", len(updates), error)


def default_name() -> str:
    """A name that tells this worker from all others: host, process, four letters by chance."""
    return f"{socket.gethostname()[:100]}-{os.getpid()}-{secrets.token_hex(2)}"


def _thread(target: Callable[[], None]) -> Thread:
    # A handler that outlasts the grace must not keep the process alive.
    return Thread(target=target, name="jobhopper-worker", daemon=True)


def _check(terms: Terms, handlers: Mapping[str, Handler]) -> None:
    if not terms.queues or not handlers:
        raise InvalidArgument("a worker needs a queue and a handler")
    if not 1 <= terms.lease <= LEASE_MAX:
        raise InvalidArgument(f"lease must be 1 to {LEASE_MAX} s")
    if terms.concurrency < 1 or terms.hold < terms.concurrency:
        raise InvalidArgument("concurrency must be 1 or more, and hold no less than that")
