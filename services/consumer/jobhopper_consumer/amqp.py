"""The thread that talks to RabbitMQ: delivers into inboxes, acknowledges, sends dead letters.

It never touches SQL; workers reach it through `call`. Messages go back by closing the channel,
which stays closed until its worker opens it again.

All subscribe with the same priority, and who is entitled to a shard bids for it (`bidding`).
RabbitMQ 4.3 would move a queue to a subscriber of higher priority by itself, but loses it for good
where the lower one dies before it has acknowledged what it holds: that one then stays in the
line, and is served after its death (`rabbit_fifo.erl`: `return_one`, by way of
`update_or_remove_con`, puts a quiescing consumer back among the waiting ones).
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from jobhopper_consumer.bidding import Bidding
from jobhopper_consumer.inbox import Delivery, Inbox
from jobhopper_consumer.leave import leave
from jobhopper_core.broker.connect import AWAY, parameters
from jobhopper_core.broker.envelope import Envelope, encode, of_bid
from jobhopper_core.broker.names import (
    DEAD,
    EXCHANGE,
    HEADER_TRACE,
    HEADER_WRITES,
    Lane,
    queue_of,
)
from jobhopper_core.broker.topology import declare
from jobhopper_core.model.limits import BATCH_MAX
from jobhopper_core.telemetry.probes import Pulse
from jobhopper_core.telemetry.reason import reason_of

_log = logging.getLogger(__name__)

PREFETCH = 32
# An acknowledgement costs RabbitMQ a write to its disk, and both of us a wake-up: with little to do
# those of a moment share one. Well before a shard's window is full they go out at once.
ACK_SECONDS = 0.1
ACKS_TOGETHER = PREFETCH // 4
_TURN_SECONDS = 1.0
_RETRY_SECONDS = (0.2, 0.5, 1.0)


class Port:
    """One (lane, shard): its lane's inbox, and its channel while it is open.

    `rank` is how much this replica is entitled to it.
    """

    def __init__(self, inbox: Inbox, shard: int, rank: int) -> None:
        self.inbox = inbox
        self.shard = shard
        self.rank = rank
        self.bidding = Bidding(rank)
        self.epoch = 0
        self.wanted = True
        self.channel: BlockingChannel | None = None
        # Tags of the open channel: the last that came, and the last that was acknowledged.
        self.heard = 0
        self.acked = 0
        # The last message that is done with: its epoch and tag. Set by the worker.
        self.done = (0, 0)

    def holds(self, delivery: Delivery) -> bool:
        """Whether RabbitMQ still waits for word of `delivery` from here."""
        return self.channel is not None and self.epoch == delivery.epoch

    def owes(self) -> bool:
        """Whether RabbitMQ still waits for word of anything from here."""
        return self.channel is not None and self.acked < self.heard


class Amqp:
    """Keeps a connection while the process lives."""

    def __init__(self, url: str, ports: list[Port], shards: int, pulse: Pulse) -> None:
        self._parameters = parameters(url)
        self._ports = ports
        self._shards = shards
        self._pulse = pulse
        self._stopping = threading.Event()
        self._connection: pika.BlockingConnection | None = None
        self._sending: BlockingChannel | None = None
        self._failures = 0
        self._acked_at = 0.0
        self._thread = threading.Thread(target=self._run, name="amqp", daemon=True)

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        connection = self._connection
        return connection is not None and connection.is_open

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Closes everything; what was not acknowledged goes to another replica."""
        self._stopping.set()
        self._later(_wake)
        self._thread.join(10)

    def ack(self, port: Port, epoch: int, tag: int, *, at_once: bool = False) -> None:
        """Acknowledges everything up to `tag`, if its channel still is the one it came on.

        `at_once`, or within 0.1 s: what comes again after a death in between does no harm then.
        """
        port.done = (epoch, tag)
        if at_once or tag - port.acked >= ACKS_TOGETHER:
            self._later(self._ack_all)

    def give_back(self, port: Port) -> None:
        """Returns everything unacknowledged and stays closed until `open`."""
        port.wanted = False
        port.inbox.clear(port.shard)
        self._later(partial(self._close, port))

    def open(self, port: Port) -> None:
        """Consumes again."""
        port.wanted = True
        self._later(_wake)

    def bury(self, body: bytes, message_id: str, headers: dict[str, Any]) -> Future[None]:
        """Sends a message to the dead-letter queue; the future is done once it is confirmed."""
        properties = pika.BasicProperties(
            delivery_mode=2,
            message_id=message_id,
            content_type="application/json",
            headers=headers,
        )
        return self._send("", DEAD, body, properties)

    def send_again(self, lane: Lane, shard: int, envelope: Envelope) -> Future[None]:
        """Sends writes to the tail of a shard's queue; the future is done once it has them."""
        properties = pika.BasicProperties(
            delivery_mode=2,
            message_id=envelope.id,
            content_type="application/json",
            type=str(lane),
            headers={HEADER_WRITES: len(envelope.writes)},
        )
        return self._send(EXCHANGE, queue_of(lane, shard), encode(envelope), properties)

    def _send(
        self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties
    ) -> Future[None]:
        done: Future[None] = Future()
        self._later(partial(self._publish, exchange, key, body, properties, done), done)
        return done

    def _later(self, action: Callable[[], None], done: "Future[None] | None" = None) -> None:
        connection = self._connection
        try:
            if connection is None:
                raise AMQPError("RabbitMQ is away")
            connection.add_callback_threadsafe(action)
        except AMQPError as error:
            if done is not None:
                done.set_exception(error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._pulse.beat("amqp")
            try:
                self._serve()
            except AWAY as error:
                _log.warning("rabbitmq_lost", extra={"reason": reason_of(error)})
                self._lost()
            except Exception:  # noqa: BLE001 - without this thread the process is deaf and dumb
                _log.exception("loop_failed", extra={"turn": "amqp"})
                self._lost()
        self._disconnected()

    def _lost(self) -> None:
        self._disconnected()
        self._stopping.wait(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)])
        self._failures += 1

    def _serve(self) -> None:
        connection = self._connect()
        self._failures = 0
        _log.info("rabbitmq_found")
        while not self._stopping.is_set():
            self._pulse.beat("amqp")
            for port in self._ports:
                self._tend(connection, port)
            if time.monotonic() >= self._acked_at + ACK_SECONDS:
                self._ack_all()
            connection.process_data_events(time_limit=self._rest())

    def _connect(self) -> pika.BlockingConnection:
        connection = pika.BlockingConnection(self._parameters)
        try:
            declare(connection.channel(), self._shards)
            self._sending = _confirming(connection)
        except BaseException:
            _close_quietly(connection)
            raise
        self._connection = connection
        return connection

    def _tend(self, connection: pika.BlockingConnection, port: Port) -> None:
        # RabbitMQ closes a channel, too, or ends a subscription: its queue was deleted, or moves.
        if port.channel is not None and not (port.channel.is_open and port.channel.consumer_tags):
            self._close(port)
        if port.wanted and port.channel is None:
            self._consume(connection, port)
        elif port.channel is not None and port.bidding.is_due():
            self._bid(port)

    def _consume(self, connection: pika.BlockingConnection, port: Port) -> None:
        port.inbox.clear(port.shard)
        port.epoch += 1
        port.heard = port.acked = 0
        channel = connection.channel()
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(
            queue_of(port.inbox.lane, port.shard), partial(_deliver, port, port.epoch)
        )
        port.channel = channel
        port.bidding.heard()

    def _bid(self, port: Port) -> None:
        port.bidding.note()
        properties = pika.BasicProperties(
            content_type="application/json", headers={HEADER_WRITES: 0}
        )
        lane = port.inbox.lane
        sent: Future[None] = Future()
        self._publish(
            EXCHANGE, queue_of(lane, port.shard), encode(of_bid(port.rank)), properties, sent
        )
        if sent.exception() is not None:
            # A full queue takes none; there will be another.
            _log.info("bid_refused", extra={"shard": f"{lane}.{port.shard}"})

    def _ack_all(self) -> None:
        self._acked_at = time.monotonic()
        for port in self._ports:
            _ack(port)

    def _rest(self) -> float:
        """How long to wait for events (seconds): until the next acknowledgement, if one is due."""
        if not any(port.owes() for port in self._ports):
            return _TURN_SECONDS
        return max(0.0, self._acked_at + ACK_SECONDS - time.monotonic())

    def _close(self, port: Port) -> None:
        if port.channel is not None:
            # A channel that RabbitMQ closes meanwhile has its messages back.
            with suppress(AMQPError):
                _ack(port)
            leave(port.channel)
        port.inbox.clear(port.shard)
        # Last: a worker that sees no channel knows that nothing of it can come any more.
        port.channel = None

    def _publish(
        self,
        exchange: str,
        key: str,
        body: bytes,
        properties: pika.BasicProperties,
        done: Future[None],
    ) -> None:
        try:
            if self._connection is None or self._sending is None:
                raise AMQPError("RabbitMQ is away")
            if not self._sending.is_open:
                self._sending = _confirming(self._connection)
            self._sending.basic_publish(exchange, key, body, properties, mandatory=True)
        except AMQPError as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    def _disconnected(self) -> None:
        connection, self._connection, self._sending = self._connection, None, None
        try:
            for port in self._ports:
                self._close(port)
        except AWAY:
            _log.info("rabbitmq_lost", extra={"reason": "closing"})
        if connection is not None:
            _close_quietly(connection)
        for port in self._ports:
            port.inbox.clear(port.shard)
            port.channel = None


def _wake() -> None:
    """Ends the wait for events, so that the loop looks at its ports."""


def _confirming(connection: pika.BlockingConnection) -> BlockingChannel:
    channel = connection.channel()
    channel.confirm_delivery()
    return channel


def _close_quietly(connection: pika.BlockingConnection) -> None:
    try:
        if connection.is_open:
            connection.close()
    except AWAY:
        _log.info("rabbitmq_lost", extra={"reason": "closing"})


def _ack(port: Port) -> None:
    epoch, tag = port.done
    if port.channel is None or port.epoch != epoch or not port.acked < tag <= port.heard:
        return
    if port.channel.is_open:
        port.channel.basic_ack(tag, multiple=True)
        port.acked = tag


def _deliver(
    port: Port,
    epoch: int,
    _channel: BlockingChannel,
    method: Any,  # noqa: ANN401
    properties: Any,  # noqa: ANN401
    body: bytes,
) -> None:
    port.bidding.heard()
    if port.epoch == epoch:
        port.heard = method.delivery_tag
    headers = properties.headers or {}
    port.inbox.put(
        Delivery(
            port.shard,
            epoch,
            method.delivery_tag,
            method.redelivered,
            _text(properties.message_id) or "",
            body,
            _count(headers.get(HEADER_WRITES)),
            _text(headers.get(HEADER_TRACE)),
        )
    )


def _text(value: object) -> str | None:
    # Of what is no UTF-8, pika makes bytes; of a header anybody may make anything.
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if isinstance(value, str) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= BATCH_MAX else 1
