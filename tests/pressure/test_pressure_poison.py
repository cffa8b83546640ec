"""Messages that nobody can apply, or that kill who tries, on the services as processes."""

import time
from collections.abc import Iterator

import pika
import pytest
from api.caller import Api, wait_until
from api.steps import uuid7
from consumer.broker import Broker
from consumer.trap import Trap

from jobhopper_core.broker.envelope import decode, encode, of_writes
from jobhopper_core.broker.names import DEAD, EXCHANGE, Lane
from jobhopper_core.model.writes import Create
from stack.containers.container import Container
from stack.services import Services

from .memory import Memory
from .steps import create, created, work_off

_AT = "x-jh-queue"
DAMAGED = {
    "half of it": b'{"v": 1, "writes": [',
    "nested deeply": b'{"v": 1, "writes": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "an unknown version": b'{"v": 99, "writes": []}',
    "16 MB of nothing": b" " * 16_000_000,
}


@pytest.fixture
def broker(rabbitmq: Container, services: Services) -> Iterator[Broker]:
    one = Broker(rabbitmq.url)
    yield one
    one.close()


def write_of(job: str, queue: str) -> Create:
    return Create(job, time.time_ns() // 1000, queue, "t", "null", 5, 5)


def new_id(shard: int) -> str:
    return f"{uuid7(time.time())[:-2]}{shard:02x}"


def resend(broker: Broker) -> str:
    """Sends the first dead letter again, by hand; where to."""
    got, properties, body = broker.channel.basic_get(DEAD)
    assert got is not None
    where = str(properties.headers[_AT])
    again = pika.BasicProperties(delivery_mode=2, message_id=properties.message_id)
    broker.channel.basic_publish(EXCHANGE, where, body, again, mandatory=True)
    broker.channel.basic_ack(got.delivery_tag)
    return where


def test_what_can_not_be_read_is_buried_and_its_neighbours_are_applied(
    api: Api, services: Services, broker: Broker
) -> None:
    consumer = Memory(services.consumers[0])
    process = services.consumers[0].pid
    ids: list[str] = []
    names: dict[str, str] = {}
    for what, body in DAMAGED.items():
        ids += created(create(api, "poison", 20))
        for lane in Lane:
            names[broker.publish(lane, 0, body)] = what
    good, broken = new_id(1), "no-id-at-all"
    writes = [write_of(good, "poison"), write_of(broken, "poison")]
    broker.publish(Lane.CREATES, 1, encode(of_writes(writes, 1)), 2, "broken")
    names["broken"] = "a broken id"
    ids += [good, *created(create(api, "poison", 20))]
    letters = broker.dead_letters(len(names), 20)
    assert {letter.message_id for letter in letters} == names.keys()
    for letter in letters:
        assert letter.headers["x-jh-code"] == "data_error"
        assert letter.headers["x-jh-error"]
        assert letter.headers[_AT].startswith("jobhopper.")
    (alone,) = [one for one in letters if one.message_id == "broken"]
    # Of a call's writes the bad one alone.
    assert [one.id for one in decode(alone.body).writes] == [broken]
    work_off(api, "poison", set(ids))
    assert services.consumers[0].pid == process
    assert services.consumers[0].alive
    consumer.check(150, "poison of 16 MB in two lanes")


def test_what_kills_its_consumer_is_buried_and_can_be_sent_again(
    api: Api, services: Services, broker: Broker, mysql: Container
) -> None:
    consumer = services.consumers[0]
    consumer.stop()
    before = created(create(api, "deadly", 5))
    poison = write_of(new_id(0), "deadly")
    broker.publish(Lane.CREATES, 0, encode(of_writes([poison], poison.at)), 1, "deadly")
    after = created(create(api, "deadly", 5))
    trap = Trap(mysql.url, poison)
    # It comes in a batch first, uncounted; then with all that came back, and then alone, each
    # noted before it is tried.
    for _ in range(4):
        consumer.start()
        wait_until(trap.caught)
        consumer.kill()
        trap.end_who_waits()
        wait_until(lambda: not trap.caught())
    consumer.start()
    wait_until(lambda: broker.dead() == 1)
    trap.release()
    assert set(work_off(api, "deadly", {*before, *after}))
    # Whatever made it deadly has been mended.
    assert resend(broker) == "jobhopper.creates.0"
    assert work_off(api, "deadly", {poison.id}) == [poison.id]
    assert broker.dead() == 0


def test_what_is_sent_again_too_soon_is_buried_again(broker: Broker) -> None:
    broker.publish(Lane.CREATES, 0, DAMAGED["an unknown version"])
    wait_until(lambda: broker.dead() == 1)
    resend(broker)
    (letter,) = broker.dead_letters(1)
    assert "version 99" in letter.headers["x-jh-error"]
