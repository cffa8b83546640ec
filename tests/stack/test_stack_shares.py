"""Two APIs, three consumers, two refillers: who applies which shard, as consumers come and go."""

import re
import time
from collections import Counter
from urllib.request import urlopen

import pymysql
import pytest
from api.caller import wait_until
from conftest import Launch
from stack_traffic import Traffic

from jobhopper_core.broker.names import Lane
from jobhopper_core.store.mysql import connection_options
from stack.process import Process
from stack.services import Services

pytestmark = [pytest.mark.timed, pytest.mark.slow]
SHARDS = 4
_MOVED_SECONDS = 5
# A tick is sent each second, and a replica bids for its part of the shards when it hears some.
_EVEN_SECONDS = 15
_TICK = re.compile(
    r'^jobhopper_tick_applied_timestamp_seconds{lane="(\w+)",shard="(\d+)"} (\S+)$', re.MULTILINE
)


@pytest.fixture(scope="module")
def services(launch: Launch) -> Services:
    return launch(apis=2, consumers=3, refillers=2, shards=SHARDS)


def applied(consumer: Process) -> dict[tuple[str, str], float]:
    """The newest tick (Unix time) that a consumer has applied, by lane and shard."""
    try:
        with urlopen(f"http://127.0.0.1:{consumer.probe}/metrics", timeout=2) as reply:
            text = reply.read().decode()
    except OSError:
        # It is dead, or only starts.
        return {}
    return {(lane, shard): float(at) for lane, shard, at in _TICK.findall(text)}


def holders(services: Services) -> dict[tuple[str, str], int]:
    """Which consumer applied the newest tick of each lane and shard."""
    newest: dict[tuple[str, str], tuple[float, int]] = {}
    for ordinal, consumer in enumerate(services.consumers):
        for place, at in applied(consumer).items():
            newest[place] = max(newest.get(place, (0.0, 0)), (at, ordinal))
    return {place: ordinal for place, (_, ordinal) in newest.items()}


def shares(services: Services, lane: Lane) -> list[int]:
    """How many shards of a lane each consumer has, fewest first."""
    held = Counter(by for (of, _), by in holders(services).items() if of == lane.value)
    return sorted(held.values())


def await_shares(services: Services, *wanted: int) -> None:
    wait_until(lambda: all(shares(services, lane) == [*wanted] for lane in Lane), _EVEN_SECONDS)


def oldest_tick(url: str) -> float:
    """Of all lanes and shards the oldest newest tick that was applied (Unix time)."""
    with pymysql.connect(**connection_options(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT MIN(tick), COUNT(*) FROM shards")
        ((tick, number),) = cursor.fetchall()
    assert number == SHARDS * len(Lane)
    return float(tick) / 1e6


def test_shards_are_even_move_within_5_s_and_come_back(services: Services) -> None:
    with Traffic(services, "shares", producers=2, workers=4) as traffic:
        await_shares(services, 1, 1, 2)
        before = holders(services)
        died = time.time()
        services.consumers[2].kill()
        # Each shard's writes are applied again: those that were made after the death.
        wait_until(lambda: oldest_tick(services.stores.mysql) > died, _MOVED_SECONDS)
        await_shares(services, 2, 2)
        # Only the dead one's have moved.
        after = holders(services)
        moved = {place for place in before if after[place] != before[place]}
        assert moved == {place for place, by in before.items() if by == 2}
        services.consumers[2].start()
        await_shares(services, 1, 1, 2)
        traffic.await_all_done()
        traffic.check_once()
        traffic.check_soon()
