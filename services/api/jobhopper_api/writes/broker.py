"""The way through RabbitMQ: writes are published and answered once they are confirmed.

Calls that come together travel together: their writes to one (lane, shard) share an envelope, so
that a confirm costs the broker one message. All of a call's writes are in one shard's envelope.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel

from jobhopper_core.breaker import State
from jobhopper_core.broker.connect import parameters
from jobhopper_core.broker.envelope import encode, of_writes, size_of
from jobhopper_core.broker.names import EXCHANGE, HEADER_TRACE, HEADER_WRITES, Lane, queue_of
from jobhopper_core.errors import UnavailableError
from jobhopper_core.model import ids
from jobhopper_core.model.limits import BATCH_MAX, BODY_MAX
from jobhopper_core.model.writes import Create, Write
from jobhopper_core.telemetry.reason import reason_of

_log = logging.getLogger(__name__)

CONFIRM_SECONDS = 1.2
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
# Unconfirmed messages beyond which the broker counts as overloaded.
_IN_FLIGHT_MAX = 5_000
# A connection on which nothing is confirmed for so long is given up for a new one.
_STUCK_SECONDS = 30.0
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class _Parcel:
    """The writes of one call to one (lane, shard)."""

    writes: Sequence[Write]
    size: int
    at: int
    confirmed: asyncio.Future[None]


@dataclass(slots=True)
class _Pending:
    """What waits to be published: by (lane, shard)."""

    parcels: defaultdict[tuple[Lane, int], list[_Parcel]] = field(
        default_factory=lambda: defaultdict(list)
    )


class BrokerPath:
    """Publishes with confirms on a connection of its own; lives on the event loop."""

    def __init__(self, url: str, shards: int) -> None:
        self._parameters = parameters(url)
        self._shards = shards
        self._channel: Channel | None = None
        self._blocked = False
        self._pending = _Pending()
        self._scheduled = False
        self._in_flight: dict[int, list[_Parcel]] = {}
        self._next_tag = 1
        # Since when a confirm is overdue (the loop's time); None while all come in time.
        self._late_since: float | None = None

    @property
    def up(self) -> bool:
        """Whether publishing is worth a try."""
        if self._channel is None or self._blocked or self._late_since is not None:
            return False
        return len(self._in_flight) <= _IN_FLIGHT_MAX

    @property
    def state(self) -> State:
        """That of its breaker: what is under way on an open connection serves as the probe."""
        if self.up:
            return State.CLOSED
        return State.OPEN if self._channel is None else State.HALF_OPEN

    async def run(self) -> None:
        """Keeps the connection until cancelled."""
        failures = 0
        while True:
            closed = asyncio.get_running_loop().create_future()
            connection = await self._open(closed)
            if connection is not None:
                failures = 0
                try:
                    await self._until(closed)
                finally:
                    self._lost()
                    if connection.is_open:
                        connection.close()
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    async def _until(self, closed: asyncio.Future[None]) -> None:
        """Returns when the connection is closed, or has confirmed nothing for too long."""
        while not closed.done():
            await asyncio.wait([closed], timeout=_LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            if self._late_since is not None and now - self._late_since > _STUCK_SECONDS:
                return

    async def ping(self) -> None:
        """Raises UnavailableError unless publishing is worth a try."""
        if not self.up:
            raise UnavailableError("RabbitMQ can't be reached.")

    async def publish(
        self, lane: Lane, writes: Sequence[Write], at: int, seconds: float = CONFIRM_SECONDS
    ) -> None:
        """Returns once RabbitMQ has confirmed `writes`, all of one shard.

        Raises UnavailableError when it did not within `seconds`: whether it has them is unknown.
        """
        if not self.up:
            raise UnavailableError("RabbitMQ can't be reached.")
        confirmed = asyncio.get_running_loop().create_future()
        size = sum(size_of(write) for write in writes)
        shard = ids.shard(writes[0].id, self._shards)
        self._pending.parcels[lane, shard].append(_Parcel(writes, size, at, confirmed))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)
        try:
            async with asyncio.timeout(seconds):
                await confirmed
        except TimeoutError:
            # Where the loop itself stood still, the confirm may have come all the same.
            if confirmed.done() and not confirmed.cancelled():
                confirmed.result()
                return
            # Without anything in flight no confirm could ever end the wait.
            if self._in_flight and self._late_since is None:
                self._late_since = asyncio.get_running_loop().time()
            raise UnavailableError("RabbitMQ did not confirm in time.") from None

    def _flush(self) -> None:
        self._scheduled = False
        pending, self._pending = self._pending, _Pending()
        for (lane, shard), parcels in pending.parcels.items():
            for group in _grouped(parcels):
                self._send(lane, shard, group)

    def _send(self, lane: Lane, shard: int, parcels: list[_Parcel]) -> None:
        if self._channel is None:
            _settle(parcels, UnavailableError("RabbitMQ can't be reached."))
            return
        writes = [write for parcel in parcels for write in parcel.writes]
        envelope = of_writes(writes, parcels[0].at)
        properties = pika.BasicProperties(
            delivery_mode=2,
            content_type="application/json",
            message_id=envelope.id,
            type=str(lane),
            headers=_headers(writes),
        )
        key = queue_of(lane, shard)
        self._in_flight[self._next_tag] = parcels
        self._next_tag += 1
        self._channel.basic_publish(EXCHANGE, key, encode(envelope), properties, mandatory=True)

    async def _open(self, closed: asyncio.Future[None]) -> AsyncioConnection | None:
        """A connection with a channel in confirm mode; None when that failed."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_closed(_source: object, reason: Exception) -> None:
            _log.warning("rabbitmq_lost", extra={"reason": reason_of(reason)})
            for future in (opened, closed):
                if not future.done():
                    future.set_result(None)

        def on_channel(channel: Channel) -> None:
            channel.add_on_close_callback(on_closed)
            channel.add_on_return_callback(self._returned)
            channel.confirm_delivery(
                lambda frame: self._confirmed(channel, frame),
                callback=lambda _frame: on_ready(channel),
            )

        def on_ready(channel: Channel) -> None:
            self._begin(channel)
            if not opened.done():
                opened.set_result(None)

        def on_open(connection: AsyncioConnection) -> None:
            connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(True))
            connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(False))
            connection.channel(on_open_callback=on_channel)

        connection = AsyncioConnection(
            self._parameters,
            on_open_callback=on_open,
            on_open_error_callback=on_closed,
            on_close_callback=on_closed,
            custom_ioloop=asyncio.get_running_loop(),
        )
        await opened
        return connection if self._channel is not None and not closed.done() else None

    def _begin(self, channel: Channel) -> None:
        self._channel, self._blocked = channel, False
        self._in_flight, self._next_tag = {}, 1
        self._late_since = None
        _log.info("rabbitmq_found")

    def _lost(self) -> None:
        self._channel = None
        lost, self._in_flight = self._in_flight, {}
        for parcels in lost.values():
            _settle(parcels, UnavailableError("RabbitMQ went away before it confirmed."))

    def _set_blocked(self, blocked: bool) -> None:
        self._blocked = blocked

    def _confirmed(self, channel: Channel, frame: "pika.frame.Method[object]") -> None:
        # A channel that was given up counts from 1 as this one does, and may still speak.
        if channel is not self._channel:
            return
        method = frame.method
        refused = isinstance(method, pika.spec.Basic.Nack)
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [tag for tag in self._in_flight if tag <= method.delivery_tag]
        for tag in tags:
            error = UnavailableError("RabbitMQ refused the message.") if refused else None
            _settle(self._in_flight.pop(tag, []), error)
        if not self._in_flight:
            # What is under way serves as the probe: a broker that has confirmed all of it is back.
            self._late_since = None

    def _returned(self, channel: Channel, method: object, *_rest: object) -> None:
        if channel is not self._channel:
            return
        # The confirm of an unroutable message follows; without a queue it must not count.
        _log.error("message_unroutable", extra={"key": getattr(method, "routing_key", "")})
        for parcels in self._in_flight.values():
            _settle(parcels, UnavailableError("RabbitMQ has no queue for the message."))


def _grouped(parcels: Sequence[_Parcel]) -> list[list[_Parcel]]:
    """The parcels in groups that fit into an envelope each."""
    groups: list[list[_Parcel]] = []
    writes = size = 0
    for parcel in parcels:
        writes += len(parcel.writes)
        size += parcel.size
        if not groups or writes > BATCH_MAX or size > BODY_MAX:
            groups.append([])
            writes, size = len(parcel.writes), parcel.size
        groups[-1].append(parcel)
    return groups


def _headers(writes: Sequence[Write]) -> dict[str, object]:
    headers: dict[str, object] = {HEADER_WRITES: len(writes)}
    first = writes[0]
    if isinstance(first, Create) and first.traceparent is not None:
        headers[HEADER_TRACE] = first.traceparent
    return headers


def _settle(parcels: Sequence[_Parcel], error: Exception | None) -> None:
    for parcel in parcels:
        if parcel.confirmed.done():
            continue
        if error is None:
            parcel.confirmed.set_result(None)
        else:
            parcel.confirmed.set_exception(error)
