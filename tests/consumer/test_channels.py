"""What a worker asks of RabbitMQ's thread while connections and channels come and go."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress

import pytest
from pika.exceptions import AMQPError

from jobhopper_consumer.amqp import ACKS_TOGETHER, Port
from jobhopper_consumer.inbox import Delivery
from jobhopper_core.broker.names import Lane

from .ground import Ground, until
from .inside import Inside
from .proxy import BASIC_ACK, BASIC_CANCEL, CHANNEL_CLOSE, Proxy


@pytest.fixture
def proxy(ground: Ground) -> Iterator[Proxy]:
    made = Proxy(ground.rabbitmq.url)
    yield made
    made.close()


@pytest.fixture
def inside(ground: Ground, proxy: Proxy) -> Inside:
    made = ground.inside(rabbitmq=proxy.url)
    until(lambda: all(port.channel for ports in made.ports.values() for port in ports))
    return made


@pytest.fixture
def port(inside: Inside) -> Port:
    return inside.ports[Lane.CREATES][0]


def await_deliveries(inside: Inside, count: int) -> list[Delivery]:
    inbox = inside.inboxes[Lane.CREATES]
    until(lambda: len(inbox._deliveries) == count)
    return list(inbox._deliveries)


def test_an_ack_for_a_channel_that_was_opened_again_is_not_sent(
    ground: Ground, inside: Inside, port: Port, proxy: Proxy
) -> None:
    """Its tag would acknowledge another message there."""
    ground.broker.send(ground.new())
    (old,) = await_deliveries(inside, 1)
    inside.amqp.give_back(port)
    inside.amqp.open(port)
    until(lambda: port.epoch == old.epoch + 1)
    (new,) = await_deliveries(inside, 1)
    assert (new.redelivered, new.tag) == (True, old.tag)
    inside.amqp.ack(port, old.epoch, old.tag)
    inside.amqp.bury(b"x", "", {}).result(5)  # behind the ack: that was looked at
    assert proxy.count(BASIC_ACK) == 0
    inside.amqp.ack(port, new.epoch, new.tag)
    until(lambda: proxy.count(BASIC_ACK) == 1)


def test_an_ack_for_a_connection_that_broke_is_not_sent(
    ground: Ground, inside: Inside, port: Port, proxy: Proxy
) -> None:
    ground.broker.send(ground.new())
    (old,) = await_deliveries(inside, 1)
    cut(proxy)
    until(lambda: port.epoch == old.epoch + 1)
    (new,) = await_deliveries(inside, 1)
    assert new.redelivered
    inside.amqp.ack(port, old.epoch, old.tag)
    inside.amqp.bury(b"x", "", {}).result(5)
    assert proxy.count(BASIC_ACK) == 0


def test_acks_of_a_moment_share_one(
    ground: Ground, inside: Inside, port: Port, proxy: Proxy
) -> None:
    for _ in range(3):
        ground.broker.send(ground.new())
    for one in await_deliveries(inside, 3):
        inside.amqp.ack(port, one.epoch, one.tag)
    until(lambda: proxy.count(BASIC_ACK) == 1, 1)
    until(lambda: not port.owes())
    assert proxy.count(BASIC_ACK) == 1


def test_a_quarter_of_a_window_is_acknowledged_at_once(
    ground: Ground, inside: Inside, port: Port, proxy: Proxy
) -> None:
    inside.amqp._acked_at = time.monotonic() + 60  # no moment ends
    for _ in range(ACKS_TOGETHER):
        ground.broker.send(ground.new())
    came = await_deliveries(inside, ACKS_TOGETHER)
    inside.amqp.ack(port, came[-2].epoch, came[-2].tag)
    inside.amqp.bury(b"x", "", {}).result(5)  # behind it
    assert proxy.count(BASIC_ACK) == 0
    inside.amqp.ack(port, came[-1].epoch, came[-1].tag)
    until(lambda: proxy.count(BASIC_ACK) == 1)


def test_what_is_done_is_acknowledged_before_a_channel_closes(
    ground: Ground, inside: Inside, port: Port, proxy: Proxy
) -> None:
    """Else what was applied would come again, to beware of."""
    for _ in range(2):
        ground.broker.send(ground.new())
    first, _second = await_deliveries(inside, 2)
    inside.amqp._acked_at = time.monotonic() + 60
    inside.amqp.ack(port, first.epoch, first.tag)
    inside.amqp.give_back(port)
    until(lambda: ground.broker.waiting(Lane.CREATES, 0) == 1)
    assert proxy.count(BASIC_ACK) == 1


def cut(proxy: Proxy) -> None:
    """Breaks what is connected; what comes after finds RabbitMQ again."""
    for one in list(proxy._open):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def test_what_goes_back_ends_no_subscription_first(
    ground: Ground, inside: Inside, port: Port, proxy: Proxy
) -> None:
    ground.broker.send(ground.new())
    await_deliveries(inside, 1)
    inside.amqp.give_back(port)
    until(lambda: port.channel is None)
    assert proxy.count(CHANNEL_CLOSE) >= 1
    assert proxy.count(BASIC_CANCEL) == 0
    assert inside.inboxes[Lane.CREATES].gather(0) == []
    # RabbitMQ answers first, and puts the message back then.
    until(lambda: ground.broker.waiting(Lane.CREATES, 0) == 1)


def test_returned_and_opened_a_hundred_times_nothing_is_lost_or_leaked(
    ground: Ground, inside: Inside, port: Port
) -> None:
    for _ in range(5):
        ground.broker.send(ground.new())
    await_deliveries(inside, 5)
    channels = len(inside.amqp._connection._impl._channels)  # type: ignore[union-attr]
    for _ in range(100):
        inside.amqp.give_back(port)
        inside.amqp.open(port)
    until(lambda: port.channel is not None)
    inside.workers[Lane.CREATES].start()
    until(lambda: ground.jobs() == 5)
    until(lambda: port.channel is not None)
    assert len(inside.amqp._connection._impl._channels) == channels  # type: ignore[union-attr]
    inside.workers[Lane.CREATES].stop()
    ground.audit()


def test_without_rabbitmq_burying_fails_at_once_or_in_time(ground: Ground) -> None:
    away = ground.inside(rabbitmq="amqp://u:p@127.0.0.1:1/")
    with pytest.raises(AMQPError):
        away.amqp.bury(b"x", "", {}).result(1)


def test_a_bad_message_survives_rabbitmqs_absence(
    ground: Ground, inside: Inside, proxy: Proxy
) -> None:
    """It is acknowledged only once the dead-letter queue has it."""
    ground.broker.publish(Lane.CREATES, 0, b"damaged", message_id="d1")
    await_deliveries(inside, 1)
    cut(proxy)
    with pytest.raises((AMQPError, FutureTimeoutError)):
        inside.amqp.bury(b"x", "", {}).result(0.5)
    inside.workers[Lane.CREATES].start()
    (letter,) = ground.broker.dead_letters(1)
    assert (letter.message_id, letter.body) == ("d1", b"damaged")
    until(lambda: proxy.count(BASIC_ACK) >= 1)
    inside.workers[Lane.CREATES].stop()


def test_a_fault_of_ours_does_not_end_rabbitmqs_thread(
    ground: Ground, inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise LookupError("a fault")

    inside.amqp._later(fails)
    until(lambda: "loop_failed" in caplog.text)
    inside.workers[Lane.CREATES].start()
    ground.broker.send(ground.new())
    until(lambda: ground.jobs() == 1)
    inside.workers[Lane.CREATES].stop()


def test_a_connection_whose_queues_are_refused_is_closed(ground: Ground) -> None:
    """Else each try would leave one behind."""
    ground.broker.channel.queue_delete("jobhopper.creates.3")
    ground.broker.channel.queue_declare("jobhopper.creates.3", durable=True)
    proxy = Proxy(ground.rabbitmq.url)
    try:
        inside = ground.inside(rabbitmq=proxy.url)
        until(lambda: len(proxy._open) >= 6, why="it tries again")
        assert not inside.amqp.up
        until(lambda: sum(one.fileno() >= 0 and _open(one) for one in proxy._open) <= 2)
    finally:
        ground.broker.channel.queue_delete("jobhopper.creates.3")
        ground.reconnect()
        until(lambda: inside.amqp.up)
        inside.stop()
        proxy.close()


def _open(one: object) -> bool:
    try:
        one.getpeername()  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
