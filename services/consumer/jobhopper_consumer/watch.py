"""Finds shards that nobody serves although their consumers believe that they do.

A tick comes every second. Where none has come to this process for a while, and MySQL says that none
came to any other either, the subscription may have been lost on RabbitMQ's side: it is made anew.
"""

import time
from collections.abc import Iterable, Sequence

from jobhopper_core.broker.names import Lane
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import shards as shard_rows
from jobhopper_core.store.database import Database

# So long nothing may come here before MySQL is asked, and so old its tick may be.
_QUIET_SECONDS = 8.0
_OLD = 10 * SECOND
# A subscription that was just made has so long to show what it is worth.
_AGAIN_SECONDS = 10.0


class Watch:
    """Watches the shards of one lane; used by its worker's thread alone."""

    def __init__(self, database: Database, lane: Lane, shards: Sequence[int]) -> None:
        self._database = database
        self._lane = lane
        now = time.monotonic()
        self._heard = dict.fromkeys(shards, now)
        self._looked = now

    def heard(self, shards: Iterable[int]) -> None:
        """Notes that something came of `shards`."""
        now = time.monotonic()
        self._heard |= dict.fromkeys(shards, now)

    def silent(self) -> list[int]:
        """The shards of which nothing comes to anybody. Raises UnavailableError."""
        now = time.monotonic()
        quiet = [shard for shard, then in self._heard.items() if then < now - _QUIET_SECONDS]
        if not quiet or now < self._looked + _AGAIN_SECONDS:
            return []
        self._looked = now
        ticks, clock = self._database.read(lambda tx: (shard_rows.ticks(tx), tx.now())).result()
        mine = {shard: ticks.get((self._lane.value, shard), 0) for shard in self._heard}
        # Where no shard of any lane has one, nobody sends any.
        if max(ticks.values(), default=0) < clock - _OLD:
            return []
        return [shard for shard in quiet if mine[shard] < clock - _OLD]
