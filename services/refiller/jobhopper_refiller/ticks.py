"""Sends a tick a second into each lane and shard: an empty envelope with MySQL's time."""

import logging
import time
from collections.abc import Callable

import pika
from pika.adapters.blocking_connection import BlockingChannel

from jobhopper_core.broker.connect import AWAY, parameters
from jobhopper_core.broker.envelope import encode, of_tick
from jobhopper_core.broker.names import DEAD, EXCHANGE, HEADER_WRITES, Lane, queue_of
from jobhopper_core.broker.topology import declare
from jobhopper_core.errors import UnavailableError
from jobhopper_core.model.times import SECOND
from jobhopper_core.store.database import Database
from jobhopper_core.telemetry.reason import reason_of
from jobhopper_refiller.telemetry import RefillerMetrics

_log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# The end of an outage waits for the first one that can be sent.
MISSED_SECONDS = 0.4
_HURRY_SECONDS = 0.25


class Ticks:
    """One turn reads MySQL's clock and publishes it; RabbitMQ being away loses a tick, no more."""

    def __init__(
        self,
        database: Database,
        url: str,
        shards: int,
        metrics: RefillerMetrics,
        hurry: Callable[[], bool],
    ) -> None:
        self._database = database
        self._hurry = hurry
        self._metrics = metrics
        self._parameters = parameters(url)
        self._shards = shards
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        # When the last tick was confirmed (monotonic), for who has to know that none are.
        self.sent = time.monotonic()
        metrics.tick_sent.set_to_current_time()

    @property
    def up(self) -> bool:
        """Whether RabbitMQ was there at the last turn."""
        return self._channel is not None

    def turn(self) -> bool:
        """Sends one round of ticks. Raises UnavailableError."""
        now = self._database.read(lambda tx: tx.now()).result()
        try:
            self._send(now)
        except AWAY as error:
            self.close()
            raise UnavailableError(f"RabbitMQ can't serve now: {reason_of(error)}") from None
        self.sent = time.monotonic()
        self._metrics.tick_sent.set(now / SECOND)
        # The end of an outage waits for ticks.
        if not self._hurry():
            return False
        time.sleep(_HURRY_SECONDS)
        return True

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection, self._channel = self._connection, None, None
        try:
            if connection is not None and connection.is_open:
                connection.close()
        except AWAY:
            _log.info("rabbitmq_lost", extra={"reason": "closing"})

    def _send(self, now: int) -> None:
        old = self._connection
        try:
            self._send_once(now)
        except AWAY:
            if old is None or old.is_open:
                raise
            # While MySQL was away nobody answered RabbitMQ's heartbeats here. That a tick may now
            # go twice does no harm.
            self.close()
            self._send_once(now)

    def _send_once(self, now: int) -> None:
        channel = self._open()
        self._publish(channel, encode(of_tick(now)))
        self._count(channel)

    def _open(self) -> BlockingChannel:
        if self._connection is None or self._channel is None:
            self._connection = pika.BlockingConnection(self._parameters)
            declare(self._connection.channel(), self._shards)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def _publish(self, channel: BlockingChannel, body: bytes) -> None:
        properties = pika.BasicProperties(
            delivery_mode=2,
            content_type="application/json",
            type="tick",
            headers={HEADER_WRITES: 0},
        )
        for lane in Lane:
            for shard in range(self._shards):
                channel.basic_publish(
                    EXCHANGE, queue_of(lane, shard), body, properties, mandatory=True
                )

    def _count(self, channel: BlockingChannel) -> None:
        self._metrics.dead.set(_depth(channel, DEAD))
        for lane in Lane:
            for shard in range(self._shards):
                depth = _depth(channel, queue_of(lane, shard))
                self._metrics.backlog.labels(lane, shard).set(depth)


def _depth(channel: BlockingChannel, queue: str) -> int:
    found: int = channel.queue_declare(queue, passive=True).method.message_count
    return found
