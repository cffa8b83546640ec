"""Deliveries read into writes: what one transaction is to apply."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from jobhopper_consumer.inbox import Delivery
from jobhopper_core.broker.envelope import Envelope, decode, encode, of_writes
from jobhopper_core.broker.ladder import LOWEST
from jobhopper_core.errors import StoreDataError
from jobhopper_core.model import ids
from jobhopper_core.model.writes import Write

# The place of a message that can't be read, or is to go as a whole.
WHOLE = -1


class Place(NamedTuple):
    """Which write of which message."""

    message: str
    number: int


class Item(NamedTuple):
    """A write and the message it came in; `at` is when that was published (µs)."""

    write: Write
    at: int
    delivery: Delivery
    place: Place


class Reject(NamedTuple):
    """What is to go to the dead-letter queue, and why."""

    delivery: Delivery
    place: Place
    body: bytes
    writes: int
    error: StoreDataError


def reject(item: Item, error: StoreDataError) -> Reject:
    """One write that is refused, in an envelope of its own."""
    body = encode(of_writes([item.write], item.at))
    return Reject(item.delivery, item.place, body, 1, error)


def reject_whole(delivery: Delivery, error: StoreDataError) -> Reject:
    """A message that is refused as it came."""
    place = Place(delivery.name, WHOLE)
    return Reject(delivery, place, delivery.body, delivery.writes, error)


@dataclass(frozen=True)
class Batch:
    """Writes in the order they came, the newest fresh tick (µs) by shard, and the shards.

    `bids` are the highest fresh ones by shard.

    `suspects` are messages to beware of: they came back after a consumer had them.
    """

    items: Sequence[Item]
    shards: Sequence[int]
    ticks: Mapping[int, int] = field(default_factory=dict)
    suspects: Sequence[Delivery] = ()
    bids: Mapping[int, int] = field(default_factory=dict)

    def halves(self) -> tuple["Batch", "Batch"]:
        """The first half and the second, without the ticks: they come after all writes."""
        middle = len(self.items) // 2
        return Batch(self.items[:middle], self.shards), Batch(self.items[middle:], self.shards)

    def with_ticks_after(self, times: Mapping[int, int]) -> "Batch":
        """Without the ticks of a shard up to its time (µs) in `times`."""
        if not times or not self.ticks:
            return self
        kept = {shard: tick for shard, tick in self.ticks.items() if tick > times.get(shard, 0)}
        return replace(self, ticks=kept)

    def names(self) -> list[str]:
        """What the suspects are known by."""
        return [one.name for one in self.suspects]

    def without_items(self) -> "Batch":
        """What is left when every write is done with."""
        return replace(self, items=())


def read(
    deliveries: Sequence[Delivery], buried: Container[Place] = frozenset()
) -> tuple[Batch, list[Reject]]:
    """The batch in `deliveries`, and what can't be read, with the reason.

    What is in `buried` is in the dead-letter queue already and left out. A tick counts only if
    it was not redelivered: then everything older came before it.
    """
    items: list[Item] = []
    rejects: list[Reject] = []
    ticks: dict[int, int] = {}
    bids: dict[int, int] = {}
    for delivery in deliveries:
        try:
            envelope = decode(delivery.body)
        except StoreDataError as error:
            rejects.append(reject_whole(delivery, error))
            continue
        found = _items(delivery, envelope)
        items += (item for item in found if ids.parse(item.write.id) is not None)
        rejects += (reject(item, _NO_ID) for item in found if ids.parse(item.write.id) is None)
        if envelope.tick is not None and not delivery.redelivered:
            ticks[delivery.shard] = max(ticks.get(delivery.shard, 0), envelope.tick)
        if envelope.bid is not None and not delivery.redelivered:
            bids[delivery.shard] = max(bids.get(delivery.shard, LOWEST), envelope.bid)
    shards = sorted({delivery.shard for delivery in deliveries})
    kept = [item for item in items if item.place not in buried]
    suspects = list(dict.fromkeys(item.delivery for item in items if item.delivery.suspect))
    return Batch(kept, shards, ticks, suspects, bids), [r for r in rejects if r.place not in buried]


def _items(delivery: Delivery, envelope: Envelope) -> list[Item]:
    name = delivery.name
    return [
        Item(write, envelope.at, delivery, Place(name, number))
        for number, write in enumerate(envelope.writes)
    ]


_NO_ID = StoreDataError("The write's id is no UUID.")
