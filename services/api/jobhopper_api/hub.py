"""Tells those who wait in this process what has changed: a queue has work, a job has ended."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from jobhopper_core.store.save import Effects

Listener = Callable[[], None]


class Hub:
    """Passes on what transactions changed; lives on the event loop."""

    def __init__(self) -> None:
        self._ready: defaultdict[str, set[Listener]] = defaultdict(set)
        self._finished: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.closed = False

    def close(self) -> None:
        """Wakes everyone who waits for a job's end, for a shutdown."""
        self.closed = True
        for events in tuple(self._finished.values()):
            for event in events:
                event.set()

    def publish(self, effects: Effects) -> None:
        """Wakes those who wait for what a committed transaction changed."""
        for queue in effects.ready:
            self.announce(queue)
        self.finish(effects.finished)

    def finish(self, job_ids: Iterable[str]) -> None:
        """Wakes those who wait for the end of any of these jobs."""
        if not self._finished:
            return
        for job_id in job_ids:
            for event in self._finished.get(job_id, ()):
                event.set()

    def announce(self, queue: str) -> None:
        """Says that `queue` may have work."""
        for listener in tuple(self._ready.get(queue, ())):
            listener()

    @contextmanager
    def on_ready(self, queue: str, listener: Listener) -> Iterator[None]:
        """Calls `listener` whenever `queue` may have work."""
        self._ready[queue].add(listener)
        try:
            yield
        finally:
            self._ready[queue].discard(listener)
            if not self._ready[queue]:
                del self._ready[queue]

    @contextmanager
    def on_finished(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when the job ends."""
        event = asyncio.Event()
        self._finished[job_id].add(event)
        try:
            yield event
        finally:
            self._finished[job_id].discard(event)
            if not self._finished[job_id]:
                del self._finished[job_id]
