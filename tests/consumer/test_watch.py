"""A shard that nobody serves is joined anew; one that another consumer serves is left alone."""

import time

import pika
import pytest

from jobhopper_core.broker.names import Lane, queue_of

from .broker import SHARDS
from .ground import Ground, until

pytestmark = [pytest.mark.slow, pytest.mark.timed]


def test_a_shard_that_nobody_serves_is_joined_anew(ground: Ground) -> None:
    parameters = pika.URLParameters(f"{ground.rabbitmq.url}?heartbeat=0")
    with pika.BlockingConnection(parameters) as other:
        # As one that RabbitMQ takes for the active consumer, and that does nothing.
        other.channel().basic_consume(
            queue_of(Lane.UPDATES, 0), lambda *_: None, arguments={"x-priority": 100}
        )
        inside = ground.inside(lanes=[Lane.UPDATES])
        ports = inside.ports[Lane.UPDATES]
        until(lambda: all(port.channel for port in ports))

        def joined_anew() -> bool:
            ground.broker.tick(ground.clock())
            time.sleep(0.5)
            return ports[0].epoch > 1

        until(joined_anew, 30)
        assert [port.epoch for port in ports[1:]] == [1] * (SHARDS - 1)
    # What was held comes again, and counts for nothing; a fresh tick does.
    ground.broker.tick(ground.clock(), shard=0)
    until(lambda: ground.lag("updates", 0) < 60, 30)


def test_one_that_another_consumer_serves_is_left_alone(ground: Ground) -> None:
    serving = ground.inside(lanes=[Lane.UPDATES], replica=1)
    until(lambda: all(port.channel for port in serving.ports[Lane.UPDATES]))
    idle = ground.inside(lanes=[Lane.UPDATES], replica=0)
    for _ in range(26):
        ground.broker.tick(ground.clock())
        time.sleep(0.5)
    epochs = [port.epoch for one in (serving, idle) for port in one.ports[Lane.UPDATES]]
    assert epochs == [1] * (2 * SHARDS)
