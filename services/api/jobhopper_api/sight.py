"""How this process sees MySQL: whether it takes writes, its clock, how far the consumers are.

What it sees decides alone on the database's breaker: a call that fails or hangs makes it look at
once, on a connection and a thread of its own that no work can clog.
"""

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from jobhopper_api.bridge import Store
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import UnavailableError
from jobhopper_core.store.probe import Probe, Seen, applied
from jobhopper_core.store.server_database import ServerDatabase

_LATE_SECONDS = 0.9
# Of so many looks the quickest says best what the clocks' difference is.
_LOOKS = 15


class Sight:
    """Looks when asked to; lives on the event loop."""

    def __init__(self, url: str, database: ServerDatabase, store: Store) -> None:
        self._probe = Probe(url, database.lost)
        self._database = database
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sight")
        self._look: Future[Seen] | None = None
        # The newest answer there was, however old.
        self.seen: Seen | None = None
        self._looks: deque[Seen] = deque(maxlen=_LOOKS)

    async def ask(self) -> None:
        """Looks once. Raises UnavailableError unless MySQL takes writes."""
        if self._look is None or self._look.done():
            self._store.breaker.admits()
            self._look = self._thread.submit(self._probe.ask)
        found = self._look
        look = asyncio.wrap_future(found)
        look.add_done_callback(_note_heard)
        await asyncio.wait([look], timeout=_LATE_SECONDS)
        # Not the loop's own future: where the loop itself stood still, that is behind.
        if not found.done() or found.exception() is not None:
            self._store.give_up()
            raise UnavailableError("MySQL does not answer.")
        self._store.breaker.succeeded()
        self._take(found.result())

    def tick(self, lane: Lane, shard: int) -> int:
        """The newest tick (µs) of a lane's shard that was seen. Raises UnavailableError."""
        if self.seen is None:
            raise UnavailableError("MySQL has not been seen yet.")
        return self.seen.ticks.get((lane.value, shard), 0)

    def updates_applied(self) -> int:
        """The tick (µs) up to which every shard's updates are known to be applied."""
        return 0 if self.seen is None else applied(self.seen, Lane.UPDATES.value)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, seen: Seen) -> None:
        self.seen = seen
        # A slow answer says little of when in between the clock was read. (The idea is NTP's.)
        self._looks.append(seen)
        best = min(self._looks, key=lambda one: one.took)
        self._database.offset = best.now - best.local


def _note_heard(look: "asyncio.Future[Seen]") -> None:
    # One that came too late for anyone to ask how it ended.
    if not look.cancelled():
        look.exception()
