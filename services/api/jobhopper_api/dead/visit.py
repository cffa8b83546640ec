"""A visit to the dead-letter queue: letters are fetched one by one, and go back as it ends.

Whoever visits is alone there, over all processes: what another one holds could not be seen, and
would seem not to exist. The lock is a queue that its connection has for itself, so it ends with
the connection, however that ends; an orderly visit ends only once all is back.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from jobhopper_api.dead.letter import Letter, read
from jobhopper_core.broker.connect import AWAY
from jobhopper_core.broker.names import (
    DEAD,
    DEAD_LOCK,
    EXCHANGE,
    HEADER_TRACE,
    HEADER_WRITES,
    Lane,
    queue_of,
)
from jobhopper_core.errors import UnavailableError

_LOCKED = 405
_LOCK_PAUSE_SECONDS = 0.05
# What comes back from a visitor who died takes a moment until it can be fetched.
_SETTLE_SECONDS = 0.1
# So long the end of a visit waits at most for what it gave back; nobody waits for that but the
# next visitor.
_BACK_SECONDS = 1.5
_BACK_PAUSE_SECONDS = 0.005
# A visit that hangs is cut off so long after its time: nobody waits for it any more.
_CUT_OFF_SECONDS = 5.0


class Found(NamedTuple):
    """A letter as it was fetched; `left` is how many wait behind it."""

    letter: Letter
    tag: int
    left: int
    properties: pika.BasicProperties
    body: bytes


class Visit:
    """A channel that is alone with the letters until `until` (monotonic seconds)."""

    def __init__(self, channel: BlockingChannel, until: float) -> None:
        self._channel = channel
        self._until = until
        # How many letters are to be there when it is over, from what the last one told.
        self._held = 0
        self._left = 0

    def letters(self) -> Iterator[Found]:
        """Each letter that waits, until the time is up: then see `late`."""
        settled = False
        while not self.late:
            method, properties, body = self._channel.basic_get(DEAD)
            if method is not None:
                self._held, self._left = self._held + 1, method.message_count
                letter = read(properties, body)
                yield Found(letter, method.delivery_tag, method.message_count, properties, body)
            elif settled:
                return
            else:
                settled = True
                time.sleep(_SETTLE_SECONDS)

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._until

    def publish(self, found: Found, lane: Lane, shard: int) -> None:
        """Sends a copy to a shard's queue; returns once RabbitMQ has it.

        Raises pika's UnroutableError, NackError when the queue is full, or one of AWAY.
        """
        self._channel.confirm_delivery()
        properties = _properties(found.properties.headers or {}, lane)
        self._channel.basic_publish(
            EXCHANGE, queue_of(lane, shard), found.body, properties, mandatory=True
        )

    def take(self, found: Found) -> None:
        """Takes a letter out for good, and ends the visit. Raises one of AWAY."""
        self._channel.basic_ack(found.tag)
        self._held -= 1
        # The answer to this says that the one before has come, too.
        self._channel.close()

    def end(self, connection: pika.BlockingConnection) -> None:
        """Gives back what is held, and returns when it can be fetched again. Raises one of AWAY."""
        if self._channel.is_open:
            self._channel.close()
        until = time.monotonic() + _BACK_SECONDS
        channel = connection.channel()
        while time.monotonic() < until:
            declared = channel.queue_declare(DEAD, passive=True)
            # Others may have come in, but nobody else takes any out.
            if declared.method.message_count >= self._held + self._left:
                return
            time.sleep(_BACK_PAUSE_SECONDS)


@contextmanager
def visiting(parameters: pika.ConnectionParameters, until: float) -> Iterator[Visit]:
    """A visit for the length of a `with`.

    Raises one of AWAY, or UnavailableError when others are there until the time is up.
    """
    connection = pika.BlockingConnection(parameters)
    try:
        _cut_off(connection, until + _CUT_OFF_SECONDS - time.monotonic())
        visit = Visit(_alone(connection, until), until)
        try:
            yield visit
        finally:
            with suppress(*AWAY):
                visit.end(connection)
    finally:
        with suppress(*AWAY):
            connection.close()


def _alone(connection: pika.BlockingConnection, until: float) -> BlockingChannel:
    while True:
        channel = connection.channel()
        try:
            channel.queue_declare(DEAD_LOCK, exclusive=True, arguments={"x-queue-type": "classic"})
        except ChannelClosedByBroker as error:
            if error.reply_code != _LOCKED:
                raise
        else:
            return channel
        if time.monotonic() >= until:
            raise UnavailableError("Another call is busy with the dead letters; try again.")
        time.sleep(_LOCK_PAUSE_SECONDS)


def _cut_off(connection: pika.BlockingConnection, seconds: float) -> None:
    # The connection's own timers wait until it is idle; a confirm may never come.
    inner: Any = connection._impl  # noqa: SLF001 - there is no other door to it
    late = AMQPConnectionError("The visit took too long.")

    def end() -> None:
        if not inner.is_closed:
            inner._terminate_stream(late)  # noqa: SLF001

    inner._adapter_call_later(seconds, end)  # noqa: SLF001


def _properties(headers: dict[str, Any], lane: Lane) -> pika.BasicProperties:
    # A new message id: under the old one a consumer may still remember a death, or a burial.
    kept = {name: headers[name] for name in (HEADER_WRITES, HEADER_TRACE) if name in headers}
    return pika.BasicProperties(
        delivery_mode=2,
        message_id=secrets.token_hex(16),
        content_type="application/json",
        type=str(lane),
        headers=kept,
    )
