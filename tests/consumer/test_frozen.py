"""A consumer that is frozen in its transaction holds its successor up for half a minute at most."""

import signal
import time

import pytest

from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Fail, Succeed

from .ground import Ground, until
from .proxy import Proxy
from .test_outages import session, waits


@pytest.mark.slow
def test_a_frozen_consumers_batch_is_applied_once_by_its_successor(ground: Ground) -> None:
    jobs = [job for shard in range(4) for job in ground.running(10, shard)]
    proxy = Proxy(ground.rabbitmq.url)
    frozen = ground.consumer(rabbitmq=proxy.url)
    with session(ground) as other:
        # The consumer has locked its shards and waits for these rows: there it freezes.
        other.execute("SELECT id FROM jobs FOR UPDATE")
        for number, job in enumerate(jobs):
            kind = Fail if number % 2 else Succeed
            ground.broker.send([ground.store.update(kind, job)])
        until(lambda: waits(ground))
        frozen.send(signal.SIGSTOP)
    began = time.monotonic()
    until(lambda: not waits(ground))
    locked = ground.rows(
        "SELECT COUNT(*) FROM performance_schema.data_locks WHERE OBJECT_NAME = 'shards'"
    )
    assert locked != [(0,)], "it holds its shards"
    # RabbitMQ gives it up at once here; its heartbeats would take half a minute.
    proxy.close()
    successor = ground.consumer(replica=1)
    until(lambda: ground.jobs("status = 'running'") == 0, 45)
    assert time.monotonic() - began < 40
    before = ground.rows("SELECT id, status, failures, updated_at FROM jobs ORDER BY id")
    frozen.send(signal.SIGCONT)
    time.sleep(2)
    assert ground.rows("SELECT id, status, failures, updated_at FROM jobs ORDER BY id") == before
    assert ground.rows("SELECT COUNT(*) FROM job_attempts") == [(20,)]
    assert ground.broker.dead() == 0
    assert successor.stop() == 0
    assert ground.broker.left(Lane.UPDATES) == []
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    ground.audit()
