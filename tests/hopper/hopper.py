"""Short words for what the tests do to one hopper."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import redis
from msgspec import Raw

from jobhopper_core.hopper.commands import Begun, HopperCommands, Taken, begun, taken
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import Held, Offer, offer

Place = tuple[float, str]
QUEUE = "mail"


class Contents(NamedTuple):
    """All that stands in the keys of a hopper."""

    ready: dict[str, float]
    jobs: dict[str, bytes]
    horizon: Place | None
    bytes: int
    taken: dict[str, int]


class Hopper:
    """The hopper of one queue; replies are those of the functions."""

    def __init__(
        self,
        link: HopperLink,
        raw: redis.Redis,
        commands: HopperCommands | None = None,
        queue: str = QUEUE,
    ) -> None:
        self.link = link
        self.raw = raw
        self.commands = commands or link.commands
        self.queue = queue
        self.keys = Names().of_queue(queue)

    def now(self) -> int:
        seconds, micros = self.raw.time()
        return seconds * 1000 + micros // 1000

    def offer(self, *offers: Offer, age_ms: int = 0) -> int:
        return self._run(self.commands.offer(self.queue, self.now() - age_ms, offers))

    def refuse(self, *offers: Offer) -> int:
        return self._run(self.commands.refuse(self.queue, offers))

    def take(self, count: int, low_water: int = 0) -> Taken:
        return taken(self._run(self.commands.take(self.queue, count, low_water)))

    def give_back(self, *offers: Offer) -> int:
        return self._run(self.commands.give_back(self.queue, offers))

    def forget(self, *ids: str) -> int:
        """Forgets jobs in the version that is held, or in none."""
        held = self.raw.hmget(self.keys[1], ids)
        versions = {
            id_: int(value.split(b" ")[1]) if value else 0
            for id_, value in zip(ids, held, strict=True)
        }
        return self.forget_version(versions)

    def forget_version(self, versions: Mapping[str, int]) -> int:
        return self._run(self.commands.forget(self.queue, versions))

    def begin(self, by: str = "t", milliseconds: int = 5_000) -> Begun | None:
        return begun(self._run(self.commands.refill_begin(self.queue, by, milliseconds)))

    def end(self, *offers: Offer, by: str = "t", complete: bool = False) -> tuple[str, int]:
        word, added = self._run(self.commands.refill_end(self.queue, by, offers, complete=complete))
        return word.decode(), added

    def refill(self, *offers: Offer, complete: bool = True) -> int:
        """A refill that nothing comes between."""
        assert self.begin() is not None
        return self.end(*offers, complete=complete)[1]

    def ids(self) -> list[str]:
        """The ids in `ready`, in their order."""
        return [id_.decode() for id_ in self.raw.zrange(self.keys[0], 0, -1)]

    def contents(self) -> Contents:
        ready, jobs, horizon, marks = self.keys[:4]
        pipeline = self.raw.pipeline(transaction=False)
        pipeline.zrange(ready, 0, -1, withscores=True)
        pipeline.hgetall(jobs)
        pipeline.hgetall(horizon)
        pipeline.zrange(marks, 0, -1, withscores=True)
        places, values, bound, stamps = pipeline.execute()
        place = (float(bound[b"score"]), bound[b"id"].decode()) if b"score" in bound else None
        return Contents(
            {id_.decode(): score for id_, score in places},
            {id_.decode(): value for id_, value in values.items()},
            place,
            int(bound.get(b"bytes", 0)),
            {id_.decode(): int(score) % 4096 for id_, score in stamps},
        )

    def check(self) -> None:
        """What holds between the keys at any time."""
        found = self.contents()
        assert found.ready.keys() == found.jobs.keys()
        assert found.bytes == sum(map(len, found.jobs.values()))

    def _run(self, command: Sequence[object]) -> object:
        return self.link.run([tuple(command)])[0]


def job(
    number: int,
    priority: int = 5,
    ms: int = 1_000,
    attempt: int = 0,
    updated_at: int = 1,
    payload: str = "null",
) -> Offer:
    """The offer of job `number`; those of equal priority and time go by their numbers."""
    held = Held(
        id_of(number),
        QUEUE,
        "t",
        Raw(payload.encode()),
        priority,
        ms * 1000,
        attempt,
        5,
        None,
        1,
        updated_at,
        None,
    )
    return offer(held)


def id_of(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012x}"


def numbers(ids: Iterable[str]) -> list[int]:
    return [int(id_[-12:], 16) for id_ in ids]


def taken_numbers(found: Taken) -> list[int]:
    return numbers(job.id for job in found.jobs)
