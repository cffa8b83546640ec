"""Deliveries read into writes: what one transaction is to apply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from jobhopper_consumer.inbox import Delivery
from jobhopper_core.broker.envelope import decode
from jobhopper_core.errors import StoreDataError
from jobhopper_core.model.writes import Write


class Item(NamedTuple):
    """A write and the message it came in; `at` is when that was published (µs)."""

    write: Write
    at: int
    delivery: Delivery


@dataclass(frozen=True)
class Batch:
    """Writes in the order they came, the newest fresh tick (µs) by shard, and the shards.

    `suspect` is a message to beware of: it came back after a consumer had it.
    """

    items: Sequence[Item]
    shards: Sequence[int]
    ticks: Mapping[int, int] = field(default_factory=dict)
    suspect: str | None = None

    def halves(self) -> tuple["Batch", "Batch"]:
        """The first half without the ticks, the second with them: they come after all writes."""
        middle = len(self.items) // 2
        first = Batch(self.items[:middle], self.shards)
        return first, replace(self, items=self.items[middle:])

    def without_items(self) -> "Batch":
        """What is left when the last write is gone."""
        return replace(self, items=())


def read(deliveries: Sequence[Delivery]) -> tuple[Batch, list[tuple[Delivery, StoreDataError]]]:
    """The batch in `deliveries`, and those that can't be read, with the reason.

    A tick counts only if it was not redelivered: then everything older came before it.
    """
    items: list[Item] = []
    bad: list[tuple[Delivery, StoreDataError]] = []
    ticks: dict[int, int] = {}
    for delivery in deliveries:
        try:
            envelope = decode(delivery.body)
        except StoreDataError as error:
            bad.append((delivery, error))
            continue
        items += [Item(write, envelope.at, delivery) for write in envelope.writes]
        if envelope.tick is not None and not delivery.redelivered:
            ticks[delivery.shard] = max(ticks.get(delivery.shard, 0), envelope.tick)
    shards = sorted({delivery.shard for delivery in deliveries})
    return Batch(items, shards, ticks, _suspect(deliveries, items)), bad


def _suspect(deliveries: Sequence[Delivery], items: Sequence[Item]) -> str | None:
    first = deliveries[0]
    return first.message_id if first.redelivered and items else None
