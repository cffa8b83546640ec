"""Keeps the hoppers of all queues full."""

import logging
import random
import time
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from redis.exceptions import RedisError

from jobhopper_core.errors import StoreFullError, UnavailableError
from jobhopper_core.flows.refill import Refill
from jobhopper_core.hopper import mirror
from jobhopper_core.hopper.commands import INFINITE, LOW_WATER
from jobhopper_core.hopper.link import HopperLink, client
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.silence import Silence
from jobhopper_core.model.limits import QUEUES_MAX
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.store import queues
from jobhopper_core.store.database import Database

_log = logging.getLogger(__name__)

CYCLE_SECONDS = 0.2
# Every queue is read from its start this often, so that a lost offer is missed no longer.
_FULL_SECONDS = 5.0
_LIST_SECONDS = 1.0
_MOMENT_SECONDS = 0.05


class Hoppers:
    """One turn looks at every queue and refills those that need it, or that were asked for."""

    def __init__(self, database: Database, url: str, link: HopperLink, names: Names) -> None:
        self._database = database
        self._link = link
        self._names = names
        self._refill = Refill(database, link)
        self._client = client(url)
        self._pubsub: redis.client.PubSub | None = None
        self._silence = Silence(_MOMENT_SECONDS)
        self._queues: dict[str, QueueSettings] = {}
        self._listed = 0.0
        self._full_due: dict[str, float] = {}
        self._cycle_due = 0.0

    def known(self) -> list[str]:
        """The names of the queues as MySQL told them last."""
        return list(self._queues)

    def turn(self) -> bool:
        """Waits for a call or for the next cycle, then refills. Raises UnavailableError."""
        asked = self._listen(max(0.0, self._cycle_due - time.monotonic()))
        if asked:
            for queue in asked:
                self._refill.run(queue, from_start=False)
        if time.monotonic() >= self._cycle_due:
            self._cycle_due = time.monotonic() + CYCLE_SECONDS
            self._cycle()
        return True

    def _listen(self, seconds: float) -> set[str]:
        """The queues that were asked for; returns at the first, or when time is up."""
        asked: set[str] = set()
        try:
            pubsub = self._subscribed()
            while True:
                message = pubsub.get_message(
                    ignore_subscribe_messages=True, timeout=0.0 if asked else seconds
                )
                if message is None:
                    self._note_nothing(seconds, heard=bool(asked))
                    return asked
                asked.add(message["data"].decode())
        except (RedisError, OSError) as error:
            self._pubsub = None
            raise UnavailableError(f"Redis can't serve now: {error}") from error

    def _note_nothing(self, seconds: float, *, heard: bool) -> None:
        # A wait that was to last no moment tells nothing.
        if heard or seconds > _MOMENT_SECONDS:
            self._silence.heard(heard)

    def _subscribed(self) -> "redis.client.PubSub":
        if self._pubsub is None:
            self._pubsub = self._client.pubsub()  # type: ignore[no-untyped-call]
            self._pubsub.subscribe(self._names.plain("refill"))
            self._silence = Silence(_MOMENT_SECONDS)
        return self._pubsub

    def _cycle(self) -> None:
        self._list()
        states = self._states()
        now = time.monotonic()
        for queue, (score, depth) in states.items():
            if score is None or now >= self._full_due.get(queue, 0.0):
                self._refill.run(queue, from_start=True)
                # Apart from each other, so that the queues' reads spread out.
                self._full_due[queue] = now + _FULL_SECONDS * random.uniform(0.8, 1.0)  # noqa: S311
            elif score < INFINITE and depth < LOW_WATER:
                self._refill.run(queue, from_start=False)

    def _list(self) -> None:
        if time.monotonic() < self._listed + _LIST_SECONDS:
            return
        verb = partial(queues.page, after="", limit=QUEUES_MAX)
        self._queues = dict(self._database.read(verb).result())
        self._listed = time.monotonic()
        # What Redis knows of settings is said again: it may have been away, or emptied.
        said = [mirror.keep_settings(self._names, q, s) for q, s in self._queues.items()]
        with suppress(StoreFullError):
            self._link.run([*said, mirror.keep_names(self._names, list(self._queues))])

    def _states(self) -> dict[str, tuple[float | None, int]]:
        """Of each queue the horizon's score (None: none) and the depth."""
        commands: list[tuple[Any, ...]] = []
        for queue in self._queues:
            ready, _, horizon, *_ = self._names.of_queue(queue)
            commands += [("HGET", horizon, "score"), ("ZCARD", ready)]
        replies = self._link.run(commands) if commands else []
        pairs = zip(replies[::2], replies[1::2], strict=True)
        return {
            queue: (None if score is None else float(score), int(depth))
            for queue, (score, depth) in zip(self._queues, pairs, strict=True)
        }
