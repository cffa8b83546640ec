"""The consumers share the shards by an agreement that needs no talk."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pymysql
import pytest

from jobhopper_consumer.settings import ordinal
from jobhopper_core.broker.ladder import LOWEST, rank
from jobhopper_core.broker.names import Lane, queue_of
from jobhopper_core.errors import ConfigurationError
from jobhopper_core.store.mysql import connection_options

from .broker import SHARDS
from .ground import Ground, until

COUNTS = range(1, 13)


def holders(shards: int, replicas: int) -> list[int]:
    """Who has each shard, in the end: the subscriber of the highest rank."""
    found = []
    for shard in range(shards):
        by_rank = {rank(shards, n, shard): n for n in range(replicas)}
        found.append(by_rank[max(by_rank)])
    return found


@pytest.mark.parametrize("shards", range(1, 33))
def test_shards_are_even_to_within_one_for_any_number_of_replicas(shards: int) -> None:
    for count in COUNTS:
        held = Counter(holders(shards, count))
        shares = [held[n] for n in range(count)]
        assert max(shares) - min(shares) <= 1, (count, shares)
        assert sum(shares) == shards


@pytest.mark.parametrize("shards", range(1, 33))
def test_a_replica_that_comes_or_goes_moves_only_its_own_share(shards: int) -> None:
    for fewer, more in pairwise(COUNTS):
        before, after = holders(shards, fewer), holders(shards, more)
        newest = more - 1
        moved = [i for i in range(shards) if before[i] != after[i]]
        assert moved == [i for i in range(shards) if after[i] == newest]


@pytest.mark.parametrize("shards", [1, 4, 16, 32])
def test_the_highest_bidder_for_a_shard_is_one(shards: int) -> None:
    for shard in range(shards):
        bids = [rank(shards, n, shard) for n in COUNTS]
        serious = [bid for bid in bids if bid != LOWEST]
        assert len(serious) == len(set(serious))


def test_an_ordinal_of_any_size_is_one_that_takes_nothing() -> None:
    assert {rank(4, 10**9, shard) for shard in range(4)} == {LOWEST}


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("consumer-2", 2), ("a-b-11", 11)])
def test_the_ordinal_is_read_from_a_number_or_a_pods_name(text: str, number: int) -> None:
    assert ordinal(text) == number


@pytest.mark.parametrize("text", ["consumer", "2a", "x-", "\u00b2", "-", "1.5"])
def test_what_is_no_ordinal_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBHOPPER_REPLICA"):
        ordinal(text)


@pytest.mark.timed
@pytest.mark.slow
def test_rabbitmq_shares_the_shards_and_moves_those_of_a_dead_replica(ground: Ground) -> None:
    consumers = [ground.consumer(n) for n in range(3)]
    by_three = until_shared(ground, 3)
    for lane in Lane:
        shares = Counter(by_three[queue_of(lane, shard)] for shard in range(SHARDS))
        assert sorted(shares.values()) == [1, 1, 2], shares
    died = time.monotonic()
    consumers[2].kill()
    for shard in range(SHARDS):
        ground.broker.send(ground.new(1, shard))
    until(lambda: ground.jobs() == SHARDS, 5, "moved within 5 s")
    assert time.monotonic() - died < 5
    by_two = until_shared(ground, 2)
    for lane in Lane:
        shares = Counter(by_two[queue_of(lane, shard)] for shard in range(SHARDS))
        assert sorted(shares.values()) == [2, 2], shares
    # Only the dead one's have moved.
    kept = [name for name in by_three if by_two[name] != by_three[name]]
    assert len(kept) == len(Lane)
    consumers[2].start()
    consumers[2].await_ready()
    back = until_shared(ground, 3)
    assert {name for name in back if back[name] != by_two[name]} == set(kept)


@pytest.mark.timed
@pytest.mark.slow
def test_one_that_dies_with_messages_in_hand_while_another_waits_leaves_no_dead_one_in_line(
    ground: Ground,
) -> None:
    first = ground.consumer(0)
    with locked_shards(ground):
        # It holds these for as long as their shards are locked.
        for shard in range(SHARDS):
            ground.broker.send(ground.new(1, shard))
        until(lambda: ground.broker.all_waiting(Lane.CREATES) == 0)
        second = ground.new_consumer(1)
        second.start()
        until(lambda: len(subscribed(ground)) == 4 * SHARDS)
        first.kill()
        until(lambda: len(subscribed(ground)) == 2 * SHARDS)
    until(lambda: ground.jobs() == SHARDS, 10, "the second one applies what the first one held")
    second.kill()
    until(lambda: not subscribed(ground))
    # Were a dead one still in line, it would be served now.
    for shard in range(SHARDS):
        ground.broker.send(ground.new(1, shard))
    for consumer in (first, second):
        consumer.start()
    until(lambda: ground.jobs() == 2 * SHARDS, 10, "whoever lives applies the rest")


@contextmanager
def locked_shards(ground: Ground) -> Iterator[None]:
    options = connection_options(ground.url)
    with pymysql.connect(**options) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tick FROM shards WHERE lane = 'creates' FOR UPDATE")
        yield


def subscribed(ground: Ground) -> list[str]:
    """The queue of every consumer that RabbitMQ knows."""
    command = ("rabbitmqctl", "--quiet", "list_consumers", "--formatter", "json", "queue_name")
    return [row["queue_name"] for row in json.loads(ground.rabbitmq.execute(*command))]


def until_shared(ground: Ground, replicas: int) -> dict[str, str]:
    """The active consumer of each queue (its connection), once `replicas` have even parts."""
    for _ in range(20):
        found = active(ground)
        if all(is_even(found, lane, replicas) for lane in Lane):
            return found
        time.sleep(0.5)
    raise AssertionError(found)


def is_even(found: dict[str, str], lane: Lane, replicas: int) -> bool:
    having = [found.get(queue_of(lane, shard)) for shard in range(SHARDS)]
    shares = Counter(having).values()
    # A queue that is changing hands has nobody.
    return None not in having and len(shares) == replicas and max(shares) - min(shares) <= 1


def active(ground: Ground) -> dict[str, str]:
    command = ("list_consumers", "--formatter", "json", "queue_name", "channel_pid", "active")
    rows = json.loads(ground.rabbitmq.execute("rabbitmqctl", "--quiet", *command))
    # A channel's process belongs to a connection, whose own process it is not named by.
    channels = json.loads(
        ground.rabbitmq.execute(
            "rabbitmqctl", "--quiet", "list_channels", "--formatter", "json", "pid", "connection"
        )
    )
    connection = {one["pid"]: one["connection"] for one in channels}
    return {
        row["queue_name"]: connection[row["channel_pid"]]
        for row in rows
        # One of them may have come or gone between the two lists.
        if row["active"] and row["channel_pid"] in connection
    }
