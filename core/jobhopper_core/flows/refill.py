"""Fills the hopper of one queue from MySQL: begin, read, end.

From the horizon the read goes on where the last one stopped (a keyset read, however deep); from
the start it looks once more at the top, which heals what was lost on the way.
"""

import secrets
from functools import partial

from jobhopper_core.hopper.commands import CAPACITY, Begun, begun
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.offer import offer, place
from jobhopper_core.hopper.telling import held
from jobhopper_core.store.database import Database
from jobhopper_core.store.refill import Position, ReadyJob, next_ready

_JUST_ABOVE = "!"
_HIGHEST = 10


class Refill:
    """Refills queues up to `capacity` jobs."""

    def __init__(self, database: Database, link: HopperLink, capacity: int = CAPACITY) -> None:
        self._database = database
        self._link = link
        self._capacity = capacity

    def run(self, queue: str, *, from_start: bool) -> int | None:
        """How many jobs went in; None while another's refill of the queue is under way.

        Raises UnavailableError when Redis or MySQL can't serve.
        """
        token = secrets.token_hex(8)
        commands = self._link.commands
        state = begun(self._link.run([commands.refill_begin(queue, token)])[0])
        if state is None:
            return None
        from_start = from_start or state.horizon is None
        limit = self._capacity if from_start else max(1, self._capacity - state.depth)
        jobs = self._read(queue, limit, None if from_start else _position(state))
        end = commands.refill_end(
            queue,
            token,
            [offer(held(job)) for job in jobs],
            from_start=from_start,
            complete=len(jobs) < limit,
        )
        done: int = self._link.run([end])[0][1]
        return done

    def _read(self, queue: str, limit: int, at: Position | None) -> list[ReadyJob]:
        verb = partial(next_ready, queue=queue, limit=limit, at=at)
        return self._database.read(verb).result()


def _position(state: Begun) -> Position | None:
    if state.horizon is None:
        return None
    if state.horizon.infinite:
        return Position(_HIGHEST, 0, "ffffffff-ffff-ffff-ffff-ffffffffffff", after=True)
    priority, run_at = place(int(state.horizon.score))
    after = state.horizon.id.endswith(_JUST_ABOVE)
    return Position(priority, run_at, state.horizon.id.removesuffix(_JUST_ABOVE), after)
