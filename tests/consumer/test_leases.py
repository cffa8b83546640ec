"""An update that was accepted before its lease ended is applied, whatever happens on its way."""

import time
from types import SimpleNamespace

import pika
import pytest
from store.steps import SECOND

from jobhopper_consumer.amqp import PREFETCH, _deliver
from jobhopper_core.broker.names import Lane, queue_of
from jobhopper_core.model.job import ClaimedJob
from jobhopper_core.model.writes import Claim, Extend, Succeed

from .broker import SHARDS
from .ground import Ground, until
from .proxy import Proxy

UPDATES = [Lane.UPDATES]


def status_of(ground: Ground, job: ClaimedJob) -> str:
    return str(ground.store.job(job.id).status)


def await_tick(ground: Ground, tick: int, seconds: float = 10) -> None:
    """Returns when every shard of `updates` has noted `tick`."""
    sql = "SELECT MIN(tick) FROM shards WHERE lane = 'updates'"
    until(lambda: ground.rows(sql) == [(tick,)], seconds, f"tick {tick}")


def test_a_backlog_of_minutes_expires_no_lease_under_an_accepted_update(ground: Ground) -> None:
    heard = [ground.running(1, shard, lease=30)[0] for shard in range(SHARDS)]
    beating = [ground.running(1, shard, lease=30)[0] for shard in range(SHARDS)]
    silent = [ground.running(1, shard, lease=30)[0] for shard in range(SHARDS)]
    end = ground.clock() + 30 * SECOND
    # No consumer for ten minutes: ticks pile up, and an update accepted at the last moment comes
    # behind ticks of up to ten seconds later.
    for second in range(0, 40, 4):
        ground.broker.tick(end - 30 * SECOND + second * SECOND)
    for job in heard:
        ground.broker.send([ground.store.update(Succeed, job, at=end - 1)])
    for job in beating:
        until_then = end + 600 * SECOND
        ground.broker.send([ground.store.update(Extend, job, at=end - 1, until=until_then)])
    for second in range(45, 600, 30):
        ground.broker.tick(end - 30 * SECOND + second * SECOND)
    ground.inside(lanes=UPDATES)
    await_tick(ground, end - 30 * SECOND + 585 * SECOND)
    assert [status_of(ground, job) for job in heard] == ["succeeded"] * SHARDS
    assert [status_of(ground, job) for job in beating] == ["running"] * SHARDS
    assert [ground.store.endings(job.id) for job in silent] == [[(1, "expired")]] * SHARDS
    ground.audit()


def test_twenty_minutes_without_mysql_end_no_lease_that_was_kept(ground: Ground) -> None:
    """Claims, heartbeats and results of an outage; ticks begin again when MySQL is back."""
    began = ground.clock() - 1_200 * SECOND
    claim_id, lease = "c1" * 16, 30 * SECOND
    kept, left, late = ([ground.new(1, shard)[0] for shard in range(SHARDS)] for _ in range(3))
    ground.store.apply(*kept, *left, *late)
    for job in (*kept, *left, *late):
        end = began + lease
        claim = Claim(id=job.id, at=began, claim_id=claim_id, attempt=1, until=end)
        ground.broker.send([claim])
    for second in range(10, 1_190, 10):
        at = began + second * SECOND
        for job in kept:
            ground.broker.send([Extend(job.id, at, claim_id, 1, until=at + lease)])
    for job in left:
        # In time, and nothing more is heard of its worker.
        ground.broker.send([Succeed(job.id, began + lease - 1, claim_id, 1, "1")])
    for job in kept:
        ground.broker.send([Succeed(job.id, began + 1_195 * SECOND, claim_id, 1, "1")])
    ground.inside(lanes=UPDATES)
    now = ground.clock()
    ground.broker.tick(now)
    await_tick(ground, now, 30)
    done = "status = 'succeeded' AND attempt = 1"
    assert ground.jobs(done) == len(kept) + len(left)
    assert [ground.store.endings(job.id) for job in late] == [[(1, "expired")]] * SHARDS
    # What a worker that slept through its lease says then comes to nothing.
    ground.broker.send([Succeed(late[0].id, now, claim_id, 1, "2")])
    ground.broker.tick(now + 1)
    await_tick(ground, now + 1)
    assert ground.jobs(done) == len(kept) + len(left)
    ground.audit()


def test_a_lease_ends_ten_seconds_after_its_time_and_not_before(ground: Ground) -> None:
    (job,) = ground.running(1, 0, lease=30)
    ((end,),) = ground.rows("SELECT lease_until FROM jobs")
    ground.inside(lanes=UPDATES)
    ground.broker.tick(end + 10 * SECOND)
    await_tick(ground, end + 10 * SECOND)
    assert status_of(ground, job) == "running"
    ground.broker.tick(end + 10 * SECOND + 1)
    await_tick(ground, end + 10 * SECOND + 1)
    assert ground.store.endings(job.id) == [(1, "expired")]


def test_a_tick_that_comes_again_does_not_count(ground: Ground) -> None:
    (job,) = ground.running(1, 0, lease=1)
    late = ground.clock() + 60 * SECOND
    ground.broker.tick(late, shard=0)
    with pika.BlockingConnection(pika.URLParameters(ground.rabbitmq.url)) as other:
        taken = next(other.channel().consume(queue_of(Lane.UPDATES, 0)))
        assert not taken[0].redelivered
    ground.inside(lanes=UPDATES)
    (other_job,) = ground.running(1, 0)
    ground.broker.send([ground.store.update(Succeed, other_job)])
    until(lambda: status_of(ground, other_job) == "succeeded")
    assert status_of(ground, job) == "running"
    assert ground.rows("SELECT tick FROM shards WHERE lane = 'updates' AND shard = 0") in (
        [],
        [(0,)],
    )
    ground.broker.tick(late, shard=0)
    until(lambda: ground.store.endings(job.id) == [(1, "expired")])


def test_ticks_of_the_creates_lane_end_no_lease(ground: Ground) -> None:
    (job,) = ground.running(1, 0, lease=1)
    late = ground.clock() + 60 * SECOND
    ground.inside(lanes=list(Lane))
    ground.broker.tick(late, Lane.CREATES)
    sql = f"SELECT COUNT(*) FROM shards WHERE lane = 'creates' AND tick = {late}"
    until(lambda: ground.rows(sql) == [(SHARDS,)])
    assert status_of(ground, job) == "running"


def test_a_tick_ends_five_hundred_leases_of_its_shard_at_most(ground: Ground) -> None:
    for _ in range(2):
        ground.running(600, 1, lease=1)
    late = ground.clock() + 60 * SECOND
    inside = ground.inside(lanes=UPDATES)
    for number, left in enumerate((700, 200, 0)):
        ground.broker.tick(late + number, shard=1)
        until(lambda left=left: ground.jobs("status = 'running'") == left)
    time.sleep(0.2)
    expired = ground.rows("SELECT COUNT(*) FROM job_attempts WHERE outcome = 'expired'")
    assert expired == [(1200,)]
    del inside
    ground.audit()


@pytest.mark.parametrize("leaving", ["gives back", "stops"])
def test_what_one_consumer_gives_back_comes_to_the_next_before_fresh_ticks(
    ground: Ground, leaving: str
) -> None:
    (job,) = ground.running(1, 0, lease=30)
    end = ground.clock() + 30 * SECOND
    proxy = Proxy(ground.rabbitmq.url)
    holding = ground.inside(rabbitmq=proxy.url)
    until(lambda: all(port.channel for port in holding.ports[Lane.UPDATES]))
    ground.broker.send([ground.store.update(Succeed, job, at=end - 1)])
    (other,) = ground.running(1, 0)
    for _ in range(PREFETCH - 1):
        ground.broker.send([ground.store.update(Extend, other, until=end)])
    inbox = holding.inboxes[Lane.UPDATES]
    until(lambda: len(inbox._deliveries) == PREFETCH, why="the window is full")
    # Behind the window waits a tick that says: no update of before `end` is under way any more.
    ground.broker.tick(end + 20 * SECOND, shard=0)
    ground.inside(lanes=UPDATES, replica=9)
    proxy.delay = 0.3
    if leaving == "stops":
        holding.amqp.stop()
    else:
        holding.amqp.give_back(holding.ports[Lane.UPDATES][0])
    sql = "SELECT tick FROM shards WHERE lane = 'updates' AND shard = 0"
    until(lambda: ground.rows(sql) == [(end + 20 * SECOND,)], 20)
    until(lambda: ground.broker.waiting(Lane.UPDATES, 0) == 0)
    assert status_of(ground, job) == "succeeded"
    assert ground.store.endings(job.id) == []
    proxy.delay = 0
    proxy.close()


def test_a_worker_that_returned_its_messages_waits_until_nothing_more_of_them_can_come(
    ground: Ground,
) -> None:
    """Else a fresh tick that was on its way meanwhile would overtake what was returned."""
    inside = ground.inside()
    port = inside.ports[Lane.UPDATES][0]
    until(lambda: port.channel)
    worker = inside.workers[Lane.UPDATES]
    held = port.channel
    inside.amqp._later(lambda: time.sleep(1.0))  # the thread is busy with something else
    worker._return_all()
    properties = SimpleNamespace(headers=None, message_id="")
    method = SimpleNamespace(delivery_tag=1, redelivered=False)
    _deliver(port, port.epoch, held, method, properties, b'{"v":1,"tick":1}')
    assert not worker._all_returned()
    until(worker._all_returned)
    assert inside.inboxes[Lane.UPDATES].gather(0) == []


@pytest.mark.timed
@pytest.mark.slow
def test_a_dead_workers_lease_ends_within_twelve_seconds_of_its_time(ground: Ground) -> None:
    (job,) = ground.running(1, 2, lease=1)
    ((end,),) = ground.rows("SELECT lease_until FROM jobs")
    consumer = ground.consumer()
    ended = None
    while ended is None and ground.clock() < end + 15 * SECOND:
        ground.broker.tick(ground.clock())
        time.sleep(1)
        ended = ground.store.endings(job.id) or None
    ended_at = ground.store.attempts(job.id)[0].ended_at
    assert end + 10 * SECOND < ended_at < end + 12 * SECOND
    assert consumer.stop() == 0
