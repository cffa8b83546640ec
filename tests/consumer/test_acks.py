"""A consumer that dies between commit and acknowledgement: nothing is lost, nothing doubled."""

from collections.abc import Iterator

import pytest

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
    assert ground.broker.all_waiting(Lane.CREATES) == 0
    assert ground.jobs() == 200
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    assert ground.broker.dead() == 0
    ground.audit()


def test_two_deaths_with_unequal_progress_leave_counters_and_leases_exact(
    ground: Ground, proxy: Proxy
) -> None:
    held = {shard: ground.running(20, shard, lease=30) for shard in range(SHARDS)}
    began = ground.clock()
    in_time = began + 20 * 1_000_000
    late = began + 120 * 1_000_000

    def send(shard: int, jobs: slice) -> None:
        for job in held[shard][jobs]:
            extend = ground.store.update(Extend, job, at=in_time, until=late + 60 * 1_000_000)
            ground.broker.send([extend])
            kind = Fail if int(job.id[-4], 16) % 2 else Succeed
            ground.broker.send([ground.store.update(kind, job, at=in_time + 1)])

    # Each death comes at another place of each shard: returned messages are scrambled then.
    for acks, jobs in ((3, slice(0, 7)), (5, slice(7, 14))):
        proxy.acks_left = acks
        consumer = ground.consumer(rabbitmq=proxy.url)
        for shard in range(SHARDS):
            send(shard, jobs)
        until(lambda done=jobs.stop: ground.jobs("status = 'running'") == 80 - 4 * done)
        consumer.kill()
    proxy.acks_left = float("inf")
    for shard in range(SHARDS):
        send(shard, slice(14, 20))
    ground.broker.tick(late)
    last = ground.consumer(rabbitmq=proxy.url)
    until(lambda: ground.jobs("status = 'running'") == 0)
    until(lambda: ground.rows("SELECT MIN(tick) FROM shards WHERE lane = 'updates'") == [(late,)])
    assert last.stop() == 0
    assert ground.broker.all_waiting(Lane.UPDATES) == 0
    outcomes = ground.rows("SELECT outcome, COUNT(*) FROM job_attempts GROUP BY outcome")
    failed = sum(int(job.id[-4], 16) % 2 for jobs in held.values() for job in jobs)
    assert outcomes == ([("failed", failed)] if failed else []), "no lease expired"
    assert ground.jobs("status = 'succeeded'") == 80 - failed
    assert ground.rows("SELECT MAX(failures) FROM jobs") in ([(1,)], [(0,)])
    ground.audit()
