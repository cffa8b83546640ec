"""The API's way through RabbitMQ when its own event loop stands still."""

import asyncio
import time
from contextlib import suppress

import pika
import pytest

from jobhopper_api.writes.broker import CONFIRM_SECONDS, BrokerPath
from jobhopper_core.broker.names import Lane
from jobhopper_core.broker.topology import declare
from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.writes import Create
from stack.containers.container import Container


@pytest.mark.timed
def test_a_confirm_that_came_while_the_loop_stood_still_counts(rabbitmq: Container) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
    declare(connection.channel(), 1)
    connection.close()
    asyncio.run(_stall(rabbitmq.url))


async def _stall(url: str) -> None:
    path = BrokerPath(url, shards=1)
    running = asyncio.create_task(path.run())
    async with asyncio.timeout(10):
        while not path.up:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    now = time.time_ns() // 1000
    (id_,) = IdMaker().make(1, now)
    create = Create(id_, now, "stalled", "t", "null", 5, 5)
    publishing = asyncio.create_task(path.publish(Lane.CREATES, [create], now))
    # Until it is sent; then nothing of this process moves for longer than a confirm may take.
    await asyncio.sleep(0.001)
    time.sleep(CONFIRM_SECONDS + 0.3)  # noqa: ASYNC251 - the loop is to stand still
    await publishing
    assert path.up
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    # RabbitMQ's answer to the close, after which the socket is closed too.
    await asyncio.sleep(0.5)
