"""Fills the hopper of one queue from MySQL: begin, read, end.

From the horizon the read goes on where the last one stopped (a keyset read, however deep); from
the start it looks once more at the top, which heals what was lost on the way.
"""

import secrets
import time
from contextlib import suppress
from functools import partial

from jobhopper_core.errors import StoreFullError, UnavailableError
from jobhopper_core.hopper.commands import (
    CAPACITY,
    INFINITE,
    MOST_BYTES,
    MOST_JOBS,
    Begun,
    Horizon,
    begun,
    places,
)
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.offer import held as held_in
from jobhopper_core.hopper.offer import offer, place
from jobhopper_core.hopper.offer import score as score_of
from jobhopper_core.hopper.outage import Phase, phase_of
from jobhopper_core.hopper.telling import held
from jobhopper_core.store import queues
from jobhopper_core.store.audit import ready
from jobhopper_core.store.database import Database
from jobhopper_core.store.refill import Page, Position, ReadyJob, next_ready

_JUST_ABOVE = "!"
_NOTHING = Page([], complete=False)
# What Redis has no room for would be read again and again; claims go to MySQL meanwhile.
_FULL_SECONDS = 1.0


class Refill:
    """Refills queues up to `capacity` jobs and `most_bytes` of bodies."""

    def __init__(
        self,
        database: Database,
        link: HopperLink,
        capacity: int = CAPACITY,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._database = database
        self._link = link
        self._capacity = capacity
        self._most_bytes = most_bytes
        # Of each queue that Redis had too little room for, until when it is left alone.
        self._full_until: dict[str, float] = {}

    def run(self, queue: str, *, from_start: bool) -> int | None:
        """How many jobs went in; None while another's refill of the queue is under way.

        None in an outage, too: MySQL may not know yet what was handed out. And for a moment
        after Redis had too little room.

        Raises UnavailableError when Redis or MySQL can't serve.
        """
        if time.monotonic() < self._full_until.get(queue, 0.0):
            return None
        token = secrets.token_hex(8)
        begin = self._link.commands.refill_begin(queue, token)
        phase, reply = self._link.run([self._link.commands.phase(), begin])
        state = begun(reply)
        if state is None:
            return None
        if phase_of(phase) is not Phase.NONE:
            self._end(queue, token, _NOTHING)
            return None
        try:
            page = self._prepare(queue, state, from_start=from_start)
        except StoreFullError:
            # A hopper that knows nothing goes on so, and the other queues' turns come.
            self._full_until[queue] = time.monotonic() + _FULL_SECONDS
            return self._end(queue, token, _NOTHING)
        except BaseException:
            # Else nobody could refill the queue before the token runs out.
            with suppress(UnavailableError):
                self._end(queue, token, _NOTHING)
            raise
        try:
            return self._end(queue, token, page)
        except StoreFullError:
            return self._end_in_less(queue, token, page, from_start=from_start)

    def _prepare(self, queue: str, state: Begun, *, from_start: bool) -> Page:
        whole = from_start or state.horizon is None
        before = self._places(queue) if whole else []
        page = self._read(queue, state, from_start=from_start)
        if whole:
            self._drop_stale(queue, before, page)
        if state.horizon is None:
            self._tell_pause(queue)
        return page

    def _read(self, queue: str, state: Begun, *, from_start: bool) -> Page:
        if from_start or state.horizon is None:
            return self._next(queue, self._capacity, None, self._most_bytes)
        limit, room = self._capacity - state.depth, self._most_bytes - state.bytes
        # All there are, or full: a hopper of large jobs may be full with few of them.
        if state.horizon.infinite or limit <= 0 or room <= self._most_bytes // 4:
            return _NOTHING
        return self._next(queue, limit, position(state.horizon), room)

    def _next(self, queue: str, limit: int, at: Position | None, room: int) -> Page:
        verb = partial(next_ready, queue=queue, limit=limit, at=at, most_bytes=room)
        return self._database.read(verb).result()

    def _places(self, queue: str) -> list[tuple[float, str]]:
        found = self._link.run([self._link.commands.next_places(queue, MOST_JOBS)])[0]
        return places(found)

    def _drop_stale(self, queue: str, before: list[tuple[float, str]], page: Page) -> None:
        """Takes out what stood in the hopper before the read and is not queued any more.

        MySQL would refuse it at a claim; in an outage nobody would.
        """
        there = {job.id for job in page.jobs}
        # A reading from the start that has not met the end has a last job.
        end = (INFINITE, "") if page.complete else (place_of(page.jobs[-1]), page.jobs[-1].id)
        doubted = [id_ for at, id_ in before if id_ not in there and (at, id_) < end]
        if not doubted:
            return
        bodies = self._link.run([self._link.commands.bodies(queue, doubted)])[0]
        versions = {one.id: one.updated_at for one in map(held_in, filter(None, bodies))}
        queued = self._database.read(partial(ready, job_ids=doubted)).result()
        stale = {id_: version for id_, version in versions.items() if id_ not in queued}
        if stale:
            self._link.run([self._link.commands.forget(queue, stale)])

    def _tell_pause(self, queue: str) -> None:
        """A hopper that knows nothing may not know that its queue is paused either."""
        settings = self._database.read(partial(queues.read, name=queue)).result()
        if settings is not None:
            self._link.run([self._link.commands.pause(queue, paused=settings.paused)])

    def _end_in_less(self, queue: str, token: str, page: Page, *, from_start: bool) -> int:
        """Brings as much of the page as Redis has room for.

        A hopper that says that it knows all (its horizon is infinite) must not go on saying so
        when an offer was refused and this is, too: its jobs would wait for as long as it is full.
        """
        self._full_until[queue] = time.monotonic() + _FULL_SECONDS
        jobs = page.jobs
        while len(jobs) > 1:
            jobs = jobs[: len(jobs) // 2]
            with suppress(StoreFullError):
                return self._end(queue, token, Page(jobs, complete=False))
        if from_start:
            self._link.run([self._link.commands.give_up(queue)])
            return 0
        return self._end(queue, token, _NOTHING)

    def _end(self, queue: str, token: str, page: Page) -> int:
        offers = [offer(held(job)) for job in page.jobs]
        end = self._link.commands.refill_end(queue, token, offers, complete=page.complete)
        done: int = self._link.run([end])[0][1]
        return done


def place_of(job: ReadyJob) -> float:
    """The job's score in the hopper."""
    return float(score_of(job.priority, job.run_at))


def position(horizon: Horizon) -> Position:
    """The place in the database's order at which what the hopper knows ends."""
    priority, run_at = place(int(horizon.score))
    after = horizon.id.endswith(_JUST_ABOVE)
    return Position(priority, run_at, horizon.id.removesuffix(_JUST_ABOVE), after)
