"""A Redis that loses all under load: nothing is lost, nothing is handed out twice, and it heals."""

import logging
import time

import pytest
import redis

from stack.containers.container import Container

from .load import Load
from .mill import Mill

pytestmark = pytest.mark.timed
_log = logging.getLogger(__name__)


def test_flushall_under_load(mill: Mill, valkey_url: str, raw: redis.Redis) -> None:
    load = Load(mill, valkey_url)
    flushed, whole = [], []
    with load.running():
        for _ in range(3):
            time.sleep(1)
            flushed.append(time.monotonic())
            raw.flushall()
            whole.append(load.whole_after(flushed[-1]))
        time.sleep(1)
    load.check()
    healed = [load.healed_after(then) for then in flushed]
    _log.info("%d jobs; first after %s s, whole after %s s", len(load.created), healed, whole)
    assert max(healed) < 1.0
    assert max(whole) < 2.0


@pytest.mark.slow
def test_a_redis_killed_under_load(mill: Mill, valkey_url: str, valkey: Container) -> None:
    load = Load(mill, valkey_url)
    with load.running():
        time.sleep(1)
        with valkey.killed():
            time.sleep(0.5)
        back = time.monotonic()
        time.sleep(1)
    load.check()
    # The promise for a store that comes back; emptied alone, it heals within a second.
    assert load.healed_after(back) < 5.0
