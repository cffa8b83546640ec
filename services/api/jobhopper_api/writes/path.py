"""Which way a write goes: through RabbitMQ, and straight to MySQL when that can't be had."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from jobhopper_api.wire.answers import Receipt
from jobhopper_api.writes.broker import BrokerPath
from jobhopper_api.writes.straight import StraightPath
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import UnavailableError
from jobhopper_core.model import ids
from jobhopper_core.model.writes import Create, Outcome, Update, Write


class Written(NamedTuple):
    """Where a write is durable, and its outcome where that is known already."""

    receipt: Receipt
    outcome: Outcome | None


class WritePath:
    """Makes writes durable. With `broker` None everything goes straight."""

    def __init__(self, straight: StraightPath, broker: BrokerPath | None, shards: int) -> None:
        self._straight = straight
        self._broker = broker
        self._shards = shards

    @property
    def brokered(self) -> bool:
        """Whether a write may be on its way without being in the database yet."""
        return self._broker is not None

    async def create(self, creates: Sequence[Create]) -> list[Written]:
        """New jobs of one shard: all of them or none."""
        return await self._write(Lane.CREATES, creates)

    async def update(self, updates: Sequence[Update]) -> list[Written]:
        """Workers' updates, each for itself; in the order given."""
        if self._broker is None or not self._broker.up:
            return await self._go_straight(updates)
        by_shard: defaultdict[int, list[int]] = defaultdict(list)
        for i, update in enumerate(updates):
            by_shard[ids.shard(update.id, self._shards)].append(i)
        groups = list(by_shard.values())
        written = await asyncio.gather(
            *[self._write(Lane.UPDATES, [updates[i] for i in group]) for group in groups]
        )
        found = {
            i: one
            for group, ones in zip(groups, written, strict=True)
            for i, one in zip(group, ones, strict=True)
        }
        return [found[i] for i in range(len(updates))]

    async def _write(self, lane: Lane, writes: Sequence[Write]) -> list[Written]:
        if self._broker is not None and self._broker.up:
            try:
                await self._broker.publish(lane, writes, writes[0].at)
            except UnavailableError:
                # Whether RabbitMQ has them is unknown; applying them twice does no harm.
                return await self._go_straight(writes)
            return [Written("rabbitmq", None)] * len(writes)
        return await self._go_straight(writes)

    async def _go_straight(self, writes: Sequence[Write]) -> list[Written]:
        outcomes = await self._straight.write(writes)
        return [Written("mysql", outcome) for outcome in outcomes]
