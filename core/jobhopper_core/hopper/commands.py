"""The hopper's calls as commands and the meaning of their replies, with no connection in sight.

Services that wait on threads and the API that waits on an event loop send the same commands.
"""

import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import Held, Offer, held
from jobhopper_core.hopper.outage import Outage, Phase

Command = tuple[Any, ...]

CAPACITY = 1_000
LOW_WATER = 250
# Offers may fill a hopper this far beyond its capacity before the last are taken out again.
MOST_JOBS = 2 * CAPACITY
MOST_BYTES = 32 * 1024 * 1024
REFILL_MS = 5_000
INFINITE = 1e300

_SOURCE = resources.files(__package__).joinpath("hopper.lua").read_text()
# Redis keeps functions over a restart, so every release calls its own, beside those of others.
VERSION = hashlib.sha256(_SOURCE.encode()).hexdigest()[:12]
LIBRARY = _SOURCE.replace("VERSION", VERSION)


class Horizon(NamedTuple):
    """The bound below which the hopper holds every queued job; score INFINITE: all there are."""

    score: float
    id: str

    @property
    def infinite(self) -> bool:
        """Whether the hopper holds every queued job there is."""
        return self.score >= INFINITE


class Taken(NamedTuple):
    """What `take` gave; `state` is ok, dry, cold (nothing is known), or paused.

    Dry: the database has more, from `horizon` on (None: none).
    """

    state: str
    refill_due: bool
    horizon: Horizon | None
    jobs: list[Held]


class Begun(NamedTuple):
    """A refill that may go on: Redis's time (ms), the horizon (None: none), what is held."""

    at: int
    horizon: Horizon | None
    depth: int
    bytes: int


class HopperCommands:
    """Builds the commands for one install."""

    def __init__(
        self, names: Names, most_jobs: int = MOST_JOBS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._names = names
        self._most = (most_jobs, most_bytes)

    def load(self) -> Command:
        """Loads this release's functions."""
        return ("FUNCTION", "LOAD", "REPLACE", LIBRARY)

    def offer(self, queue: str, at: int, offers: Sequence[Offer]) -> Command:
        """Offers jobs; `at` is Redis's time (ms) from before the database was read."""
        return self._call("jh_offer", queue, at, *self._most, *_flat(offers))

    def refuse(self, queue: str, offers: Sequence[Offer]) -> Command:
        """Tells that Redis had no room for `offers`, so that what is newer does not go first."""
        lowest = min(offers, key=lambda one: (one.score, one.id))
        return self._call("jh_refuse", queue, lowest.score, lowest.id)

    def take(self, queue: str, count: int, low_water: int = LOW_WATER) -> Command:
        """Takes up to `count` of the next jobs."""
        return self._call("jh_take", queue, count, low_water)

    def give_back(self, queue: str, offers: Sequence[Offer]) -> Command:
        """Puts back what was taken and not claimed."""
        return self._call("jh_give_back", queue, *_flat(offers))

    def let_go(self, queue: str, ids: Sequence[str]) -> Command:
        """Takes for untaken what Redis had no room to be given back; for this it has."""
        return ("ZREM", self._names.of_queue(queue)[3], *ids)

    def forget(self, queue: str, versions: Mapping[str, int]) -> Command:
        """Takes jobs out in the version (updated_at, µs) given by id, and in any before it."""
        return self._call("jh_forget", queue, *[part for pair in versions.items() for part in pair])

    def refill_begin(self, queue: str, token: str, milliseconds: int = REFILL_MS) -> Command:
        """Begins a refill, unless another's is under way."""
        return self._call("jh_refill_begin", queue, token, milliseconds)

    def refill_end(
        self, queue: str, token: str, offers: Sequence[Offer], *, complete: bool
    ) -> Command:
        """Ends a refill with the rows it read, in order; `complete`: there are no more.

        With no rows, and not complete, the refill is called off, for which there is always room.
        """
        function = "jh_refill_end" if offers or complete else "jh_refill_call_off"
        flag = int(complete)
        return self._call(function, queue, token, flag, *self._most, *_flat(offers))

    def give_up(self, queue: str) -> Command:
        """Empties the hopper, so that it knows nothing and MySQL is asked; ends its refill."""
        ready, jobs, horizon, _, _, refill, _ = self._names.of_queue(queue)
        return ("DEL", ready, jobs, horizon, refill)

    def next_ids(self, queue: str, count: int) -> Command:
        """Looks at the ids of the next jobs, in order."""
        return ("ZRANGE", self._names.of_queue(queue)[0], 0, count - 1)

    def next_places(self, queue: str, count: int) -> Command:
        """Looks at the ids of the next jobs, in order, each with its score."""
        return ("ZRANGE", self._names.of_queue(queue)[0], 0, count - 1, "WITHSCORES")

    def bodies(self, queue: str, ids: Sequence[str]) -> Command:
        """Looks at jobs, by id, without taking them."""
        return ("HMGET", self._names.of_queue(queue)[1], *ids)

    def report(self, process: str, known: Outage, *, reaches_mysql: bool) -> Command:
        """Says whether `process` reaches MySQL, and what it knows of an outage."""
        keys = (self._names.plain("replicas"), self._names.plain("outage"))
        arguments = (process, int(reaches_mysql), known.phase.value, known.mark)
        return ("FCALL", f"jh_report_{VERSION}", len(keys), *keys, *arguments)

    def step(self, known: Outage, phase: Phase, mark: int) -> Command:
        """Moves the outage on to `phase`, if it still is as `known`."""
        arguments = (known.phase.value, known.mark, phase.value, mark)
        return ("FCALL", f"jh_step_{VERSION}", 1, self._names.plain("outage"), *arguments)

    def phase(self) -> Command:
        """Reads the phase of the outage alone."""
        return ("HGET", self._names.plain("outage"), "phase")

    def pause(self, queue: str, *, paused: bool) -> Command:
        """Says whether `take` may give anything."""
        return ("HSET", self._names.settings(queue), "paused", int(paused))

    def _call(self, function: str, queue: str, *arguments: Any) -> Command:  # noqa: ANN401
        keys = self._names.of_queue(queue)
        return ("FCALL", f"{function}_{VERSION}", len(keys), *keys, *arguments)


def taken(reply: Sequence[Any]) -> Taken:
    """The meaning of `take`'s reply."""
    state, refill_due, score, id_, *pairs = reply
    jobs = [held(value) for value in pairs[1::2]]
    return Taken(state.decode(), bool(refill_due), _horizon(score, id_), jobs)


def places(reply: Sequence[Any]) -> list[tuple[float, str]]:
    """The (score, id) in the reply to `next_places`, in whichever form the protocol gives it."""
    flat = [part for one in reply for part in (one if isinstance(one, list | tuple) else (one,))]
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [(float(score), id_.decode()) for id_, score in pairs]


def begun(reply: Sequence[Any]) -> Begun | None:
    """The meaning of `refill_begin`'s reply; None while another's refill is under way."""
    if reply[0] == b"busy":
        return None
    return Begun(int(reply[1]), _horizon(reply[2], reply[3]), int(reply[4]), int(reply[5]))


def _horizon(score: bytes, id_: bytes) -> Horizon | None:
    return Horizon(float(score), id_.decode()) if score else None


def _flat(offers: Sequence[Offer]) -> list[Any]:
    return [value for one in offers for value in one]
