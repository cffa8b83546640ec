"""A store that is away fails nothing: messages wait in RabbitMQ, and the consumer goes on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest
from store.steps import SECOND

from jobhopper_consumer.amqp import PREFETCH
from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Succeed
from jobhopper_core.store.mysql import connection_options

from .ground import Ground, until
from .inside import Inside


@contextmanager
def session(ground: Ground) -> Iterator[pymysql.cursors.Cursor]:
    """A transaction of somebody else, undone at the end."""
    connection = pymysql.connect(**connection_options(ground.url), autocommit=False)
    with connection.cursor() as cursor:
        yield cursor
    connection.rollback()
    connection.close()


@contextmanager
def read_only(ground: Ground) -> Iterator[None]:
    """MySQL as it is after a failover: it answers, and takes no writes."""
    with session(ground) as cursor:
        cursor.execute("SET GLOBAL super_read_only = 1")
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL super_read_only = 0")
            cursor.execute("SET GLOBAL read_only = 0")


def returned(log: str) -> int:
    return log.count("batch_returned")


@pytest.mark.timed
def test_a_read_only_database_is_an_outage_and_no_bad_data(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    inside = ground.inside(lanes=[Lane.CREATES])
    until(lambda: all(port.channel for port in inside.ports[Lane.CREATES]))
    with read_only(ground):
        for shard in range(4):
            ground.broker.send(ground.new(10, shard))
        time.sleep(3)
        # They wait in RabbitMQ, and it is not asked for them again and again.
        assert ground.broker.all_waiting(Lane.CREATES) == 4
        assert returned(caplog.text) <= 4
    assert until(lambda: ground.jobs() == 40, 5) < 5
    assert ground.broker.dead() == 0
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    ground.audit()


def connections(ground: Ground) -> int:
    return len(ground.rows("SHOW PROCESSLIST"))


def channels(inside: Inside) -> int:
    connection = inside.amqp._connection
    return len(connection._impl._channels) if connection is not None else 0


@pytest.mark.timed
@pytest.mark.slow
def test_ten_outages_leak_nothing_and_bury_nothing(ground: Ground) -> None:
    inside = ground.inside(lanes=list(Lane))
    ground.broker.send(ground.new(10))
    until(lambda: ground.jobs() == 10)
    until(lambda: channels(inside) == 9)
    threads, held = threading.active_count(), connections(ground)
    for number in range(1, 11):
        with read_only(ground):
            ground.broker.send(ground.new(10, number % 4))
            until(lambda: not inside.ports[Lane.CREATES][0].wanted)
        until(lambda number=number: ground.jobs() == 10 + 10 * number, 5)
        until(lambda: channels(inside) == 9)
    assert connections(ground) <= held + 4
    assert threading.active_count() <= threads + 4
    assert ground.broker.dead() == 0
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    ground.audit()


@pytest.mark.timed
@pytest.mark.slow
def test_mysql_killed_under_load_loses_nothing_and_is_taken_up_within_five_seconds(
    ground: Ground,
) -> None:
    consumer = ground.consumer()
    for shard in range(4):
        for _ in range(20):
            ground.broker.send(ground.new(50, shard))
    until(lambda: ground.jobs() > 0)
    with ground.mysql.killed():
        for shard in range(4):
            ground.broker.send(ground.new(50, shard))
        time.sleep(2)
        assert returned(consumer.tail(100_000)) <= 6
    until(lambda: ground.jobs() == 4 * 21 * 50, 5)
    assert ground.broker.dead() == 0
    until(lambda: ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)])
    assert consumer.stop() == 0
    ground.audit()


@pytest.mark.slow
def test_what_rabbitmq_delivered_before_its_death_comes_again_as_such_and_first(
    ground: Ground,
) -> None:
    """What ticks rely on holds over the broker's own death: none is taken for fresh twice."""
    (job,) = ground.running(1, 0, lease=30)
    end = ground.clock() + 30 * SECOND
    inside = ground.inside()
    until(lambda: all(port.channel for port in inside.ports[Lane.UPDATES]))
    for _ in range(PREFETCH - 1):
        ground.broker.tick(end - SECOND, shard=0)
    ground.broker.tick(end + 15 * SECOND, shard=0)
    inbox = inside.inboxes[Lane.UPDATES]
    until(lambda: len(inbox._deliveries) == PREFETCH)
    ground.broker.send([ground.store.update(Succeed, job, at=end - 1)])
    ground.rabbitmq.kill()
    until(lambda: not inside.amqp.up)
    ground.rabbitmq.start()
    until(lambda: len(inbox._deliveries) == PREFETCH, 20)
    assert all(one.redelivered for one in inbox._deliveries)
    inside.workers[Lane.UPDATES].start()
    until(lambda: ground.store.job(job.id).status == "succeeded")
    assert ground.rows("SELECT tick FROM shards WHERE lane = 'updates' AND shard = 0") == [(0,)]
    inside.workers[Lane.UPDATES].stop()


@pytest.mark.timed
@pytest.mark.slow
def test_rabbitmq_away_and_back_is_taken_up_by_itself(ground: Ground) -> None:
    consumer = ground.consumer()
    ground.broker.send(ground.new(10))
    until(lambda: ground.jobs() == 10)
    with ground.rabbitmq.killed():
        until(lambda: not consumer.ready(), 15)
    until(consumer.ready, 5)
    ground.reconnect()
    ground.broker.send(ground.new(10))
    until(lambda: ground.jobs() == 20, 5)
    assert consumer.stop() == 0


def test_a_queue_that_was_deleted_is_made_and_consumed_again(ground: Ground) -> None:
    inside = ground.inside(lanes=[Lane.CREATES])
    until(lambda: all(port.channel for port in inside.ports[Lane.CREATES]))
    ground.broker.channel.queue_delete("jobhopper.creates.0")
    until(lambda: inside.ports[Lane.CREATES][0].channel is None)
    until(lambda: inside.amqp.up and inside.ports[Lane.CREATES][0].channel is not None)
    ground.broker.send(ground.new(3))
    until(lambda: ground.jobs() == 3)


def test_the_dead_letter_queues_channel_is_opened_again(ground: Ground) -> None:
    inside = ground.inside(lanes=[Lane.CREATES])
    until(lambda: inside.amqp.up)
    dead = inside.amqp._sending
    inside.amqp._later(dead.close)
    until(lambda: not dead.is_open)
    ground.broker.publish(Lane.CREATES, 0, b"damaged")
    ground.broker.dead_letters(1)


@pytest.mark.timed
@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "paused"])
def test_without_valkey_writes_are_applied_as_ever(ground: Ground, how: str) -> None:
    consumer = ground.consumer()
    with getattr(ground.valkey, how)():
        for shard in range(4):
            ground.broker.send(ground.new(10, shard))
        until(lambda: ground.jobs() == 40, 5)
        (job,) = ground.running(1)
        ground.broker.send([ground.store.update(Succeed, job)])
        until(lambda: ground.store.job(job.id).status == "succeeded", 5)
    assert consumer.stop() == 0


def waits(ground: Ground) -> bool:
    return ground.rows("SELECT COUNT(*) FROM performance_schema.data_lock_waits") != [(0,)]


def test_a_deadlock_is_run_again_and_is_no_bad_data(ground: Ground) -> None:
    (job,) = ground.running(1)
    with session(ground) as other:
        # The heavier of two that block one another is spared.
        rows = ", ".join(f"('x{n}', 'x')" for n in range(300))
        other.execute(f"INSERT INTO meta (name, value) VALUES {rows}")
        other.execute("UPDATE jobs SET updated_at = updated_at + 1")
        ground.inside(lanes=[Lane.UPDATES])
        ground.broker.send([ground.store.update(Succeed, job)])
        until(lambda: waits(ground))
        other.execute("SELECT tick FROM shards WHERE lane = 'updates' FOR UPDATE")
        time.sleep(0.2)
        assert ground.store.job(job.id).status == "running"
    until(lambda: ground.store.job(job.id).status == "succeeded")
    assert ground.broker.dead() == 0


def test_a_connection_that_the_server_ended_in_the_quiet_costs_no_outage(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a minute without work is enough for that."""
    ground.inside(lanes=[Lane.CREATES])
    ground.broker.send(ground.new(2))
    until(lambda: ground.jobs() == 2)
    with session(ground) as other:
        other.execute("SELECT CONNECTION_ID()")
        own = {row[0] for row in other.fetchall()}
        other.execute("SELECT ID FROM information_schema.processlist WHERE USER = 'root'")
        for number in {row[0] for row in other.fetchall()} - own:
            other.execute(f"KILL {number}")
    ground.broker.send(ground.new(2))
    until(lambda: ground.jobs() == 4)
    assert returned(caplog.text) == 0


def test_the_server_ends_a_session_that_is_silent_in_a_batch(ground: Ground) -> None:
    """Half a minute: a frozen consumer holds its shards' locks no longer."""
    ground.inside(lanes=list(Lane))
    ground.broker.send(ground.new(2))
    until(lambda: ground.jobs() == 2)
    found = ground.rows(
        "SELECT DISTINCT v.VARIABLE_VALUE FROM performance_schema.variables_by_thread v"
        " JOIN performance_schema.threads t USING (THREAD_ID)"
        " WHERE v.VARIABLE_NAME = 'wait_timeout' AND t.PROCESSLIST_ID <> CONNECTION_ID()"
    )
    assert ("30",) in found, found
