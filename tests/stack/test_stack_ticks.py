"""The sender of ticks goes on as soon as it can: the end of an outage waits for it."""

import time
from collections.abc import Iterator
from threading import Event

import pika
import pytest
from prometheus_client import CollectorRegistry
from store.servers import emptied

from jobhopper_core.broker.names import Lane, queue_of
from jobhopper_core.errors import UnavailableError
from jobhopper_core.flows.loop import Loop
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.telemetry.probes import Pulse
from jobhopper_refiller.telemetry import RefillerMetrics
from jobhopper_refiller.ticks import Ticks
from stack.containers.container import Container

_SHARDS = 2
_QUEUE = queue_of(Lane.UPDATES, 0)


@pytest.fixture
def database(mysql_url: str) -> Iterator[ServerDatabase]:
    opened = open_mysql(emptied(mysql_url, 79), slot=0, threads=1)
    yield opened
    opened.close()


@pytest.fixture
def ticks(database: ServerDatabase, rabbitmq: Container) -> Iterator[Ticks]:
    metrics = RefillerMetrics(CollectorRegistry())
    made = Ticks(database, rabbitmq.url, _SHARDS, metrics, lambda: False)
    yield made
    made.close()


def test_a_connection_that_ended_while_mysql_was_away_costs_no_tick(
    ticks: Ticks, rabbitmq: Container
) -> None:
    ticks.turn()
    purge(rabbitmq.url)
    # As RabbitMQ does with who has left its heartbeats unanswered for ten seconds.
    rabbitmq.execute("rabbitmqctl", "--quiet", "close_all_connections", "silent")
    ticks.turn()
    assert purge(rabbitmq.url) == 1


def test_what_can_not_be_reached_afresh_is_away(ticks: Ticks, rabbitmq: Container) -> None:
    ticks.turn()
    with rabbitmq.killed(), pytest.raises(UnavailableError, match="RabbitMQ can't serve now"):
        ticks.turn()
    assert not ticks.up
    ticks.turn()
    assert ticks.up


@pytest.mark.timed
def test_a_missed_turn_is_made_up_for_soon() -> None:
    turns: list[float] = []
    enough = Event()

    def turn() -> bool:
        turns.append(time.monotonic())
        if len(turns) > 3:
            enough.set()
        raise UnavailableError("MySQL is away.")

    loop = Loop("ticks", turn, 1.0, Pulse(), missed=0.1)
    loop.start()
    assert enough.wait(5)
    loop.stop()
    assert turns[3] - turns[0] < 1


def purge(url: str) -> int:
    """Empties the queue; returns how many messages it held."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        found: int = connection.channel().queue_purge(_QUEUE).method.message_count
    return found
