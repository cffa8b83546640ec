"""A consumer that dies between commit and acknowledgement: nothing is lost, nothing doubled."""

from collections.abc import Iterator

import pytest
from store.steps import SECOND

from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Extend, Fail, Succeed

from .broker import SHARDS
from .ground import Ground, until
from .proxy import Proxy


@pytest.fixture
def proxy(ground: Ground) -> Iterator[Proxy]:
    made = Proxy(ground.rabbitmq.url)
    yield made
    made.close()


def test_death_between_commit_and_ack_loses_and_doubles_nothing(
    ground: Ground, proxy: Proxy
) -> None:
    proxy.acks_left = 0
    consumer = ground.consumer(rabbitmq=proxy.url)
    for shard in range(SHARDS):
        for _ in range(5):
            ground.broker.send(ground.new(10, shard))
    until(lambda: ground.jobs() == 200)
    consumer.kill()
    until(lambda: ground.broker.all_waiting(Lane.CREATES) == 20, why="all came back")
    proxy.acks_left = float("inf")
    successor = ground.consumer(rabbitmq=proxy.url)
    ground.broker.tick(ground.clock(), Lane.CREATES)
    until(lambda: all(ground.lag("creates", shard) < 10 for shard in range(SHARDS)))
    assert successor.stop() == 0
    assert ground.broker.left(Lane.CREATES) == []
    assert ground.jobs() == 200
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    assert ground.broker.dead() == 0
    ground.audit()


@pytest.mark.slow
def test_two_deaths_before_acknowledgement_leave_counters_and_leases_exact(
    ground: Ground, proxy: Proxy
) -> None:
    held = {shard: ground.running(20, shard, lease=30) for shard in range(SHARDS)}
    in_time = ground.clock() + 20 * SECOND
    late = in_time + 100 * SECOND

    def send(shard: int, numbers: range) -> None:
        for number in numbers:
            job = held[shard][number]
            extend = ground.store.update(Extend, job, at=in_time, until=late + 60 * SECOND)
            ground.broker.send([extend])
            kind = Fail if number % 2 else Succeed
            ground.broker.send([ground.store.update(kind, job, at=in_time + 1)])

    # All is applied before each death, but RabbitMQ hears of some of it only: the rest comes again.
    for acks, numbers in ((3, range(7)), (5, range(7, 14))):
        proxy.acks_left = acks
        consumer = ground.consumer(rabbitmq=proxy.url)
        for shard in range(SHARDS):
            send(shard, numbers)
        running = SHARDS * (20 - numbers.stop)
        until(lambda n=running: ground.jobs("status = 'running'") == n)  # type: ignore[misc]
        consumer.kill()
    proxy.acks_left = float("inf")
    for shard in range(SHARDS):
        send(shard, range(14, 20))
    ground.broker.tick(late)
    last = ground.consumer(rabbitmq=proxy.url)
    sql = "SELECT MIN(tick) FROM shards WHERE lane = 'updates'"
    until(lambda: ground.rows(sql) == [(late,)])
    assert last.stop() == 0
    assert ground.broker.left(Lane.UPDATES) == []
    outcomes = ground.rows("SELECT outcome, COUNT(*) FROM job_attempts GROUP BY outcome")
    assert outcomes == [("failed", 10 * SHARDS)], "no lease expired, and none failed twice"
    assert ground.jobs("status = 'succeeded' AND failures = 0") == 10 * SHARDS
    assert ground.jobs("status = 'scheduled' AND failures = 1") == 10 * SHARDS
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    ground.audit()
