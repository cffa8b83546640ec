"""RabbitMQ as the tests use it: they publish envelopes themselves, and look into the queues."""

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import pika
from pika.exceptions import AMQPError

from jobhopper_core.broker.envelope import encode, of_tick, of_writes
from jobhopper_core.broker.names import DEAD, EXCHANGE, HEADER_WRITES, Lane, queue_of
from jobhopper_core.broker.topology import declare
from jobhopper_core.model import ids
from jobhopper_core.model.writes import Create, Write

SHARDS = 4


class Letter(NamedTuple):
    """A message of the dead-letter queue."""

    body: bytes
    message_id: str
    headers: dict[str, Any]


class Broker:
    """A connection of the test's own. Every message is confirmed before a call returns."""

    def __init__(self, url: str, shards: int = SHARDS) -> None:
        self.shards = shards
        self._connection = pika.BlockingConnection(pika.URLParameters(f"{url}?heartbeat=0"))
        declare(self._connection.channel(), shards)
        self.channel = self._connection.channel()
        self.channel.confirm_delivery()

    def publish(
        self,
        lane: Lane,
        shard: int,
        body: bytes,
        writes: int = 1,
        message_id: str | None = None,
        **headers: Any,
    ) -> str:
        """Publishes `body` as it is; its message id."""
        message_id = secrets.token_hex(16) if message_id is None else message_id
        properties = pika.BasicProperties(
            delivery_mode=2, message_id=message_id, headers={HEADER_WRITES: writes, **headers}
        )
        self.channel.basic_publish(
            EXCHANGE, queue_of(lane, shard), body, properties, mandatory=True
        )
        return message_id

    def send(self, writes: Sequence[Write], at: int | None = None, shard: int | None = None) -> str:
        """Publishes one envelope of `writes`, which are of one shard and lane; its id."""
        lane = Lane.CREATES if isinstance(writes[0], Create) else Lane.UPDATES
        where = ids.shard(writes[0].id, self.shards) if shard is None else shard
        envelope = of_writes(writes, writes[0].at if at is None else at)
        return self.publish(lane, where, encode(envelope), len(writes), envelope.id)

    def tick(self, at: int, lane: Lane = Lane.UPDATES, shard: int | None = None) -> None:
        """Sends the database's time `at` into a shard of a lane, or into all."""
        for one in range(self.shards) if shard is None else [shard]:
            self.publish(lane, one, encode(of_tick(at)), 0, "")

    def waiting(self, lane: Lane, shard: int) -> int:
        """How many messages of a queue nobody holds."""
        declared = self.channel.queue_declare(queue_of(lane, shard), passive=True)
        count: int = declared.method.message_count
        return count

    def all_waiting(self, lane: Lane) -> int:
        """How many messages of a lane nobody holds."""
        return sum(self.waiting(lane, shard) for shard in range(self.shards))

    def left(self, lane: Lane) -> list[str]:
        """Takes out what nobody holds of a lane; the ids of all but ticks.

        Of those a consumer that ends returns what came to it last.
        """
        return [name for shard in range(self.shards) for name in self._take_out(lane, shard)]

    def _take_out(self, lane: Lane, shard: int) -> list[str]:
        count, found = self.waiting(lane, shard), []
        taken = self.channel.consume(queue_of(lane, shard), auto_ack=True, inactivity_timeout=10)
        for method, properties, _ in islice(taken, count):
            assert method is not None, "a message that waited did not come"
            if properties.headers[HEADER_WRITES]:
                found.append(properties.message_id)
        self.channel.cancel()
        return found

    def dead(self) -> int:
        """How many dead letters there are."""
        count: int = self.channel.queue_declare(DEAD, passive=True).method.message_count
        return count

    def dead_letters(self, count: int, seconds: float = 10) -> list[Letter]:
        """Takes the dead letters out, when there are `count` of them."""
        until = time.monotonic() + seconds
        while self.dead() < count and time.monotonic() < until:
            time.sleep(0.05)
        found = []
        while (got := self.channel.basic_get(DEAD, auto_ack=True))[0] is not None:
            found.append(Letter(got[2], got[1].message_id, dict(got[1].headers)))
        assert len(found) == count, [(one.message_id, one.headers) for one in found]
        return found

    def purge(self) -> None:
        """Empties every queue."""
        for name in [queue_of(lane, n) for lane in Lane for n in range(self.shards)] + [DEAD]:
            self.channel.queue_purge(name)

    def close(self) -> None:
        # After RabbitMQ's death this finds out, and frees the socket.
        with suppress(AMQPError):
            self._connection.close()
