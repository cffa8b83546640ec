"""A message that consumers die of goes to the dead-letter queue; its neighbours are applied."""

import pytest

from jobhopper_core.broker.envelope import encode, of_writes
from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Create
from jobhopper_core.store import suspects

from .ground import Ground, until
from .inside import Inside
from .trap import Trap


def deaths(ground: Ground) -> list[int]:
    return [row[0] for row in ground.rows("SELECT deaths FROM suspects ORDER BY deaths")]


@pytest.mark.slow
def test_what_killed_three_consumers_is_buried_and_its_neighbours_are_applied(
    ground: Ground,
) -> None:
    before, after = ground.new(5), ground.new(5)
    (deadly,) = ground.new(1, queue="deadly")
    ground.broker.send(before)
    poison = ground.broker.send([deadly])
    ground.broker.send(after)
    trap = Trap(ground.url, deadly)
    # It comes in a batch first, so that nobody can tell which message it was; then three times
    # alone, each counted before it is tried.
    for expected in ([], [1], [2], [3]):
        consumer = ground.consumer()
        until(trap.caught, 20, consumer.tail())
        until(lambda expected=expected: deaths(ground) == expected)
        consumer.kill()
        trap.end_who_waits()
        until(lambda: not trap.caught(), 15)
    consumer = ground.consumer()
    (letter,) = ground.broker.dead_letters(1, 20)
    assert letter.message_id == poison
    assert letter.headers["x-jh-queue"] == "jobhopper.creates.0"
    assert deadly.id.encode() in letter.body
    trap.release()
    until(lambda: ground.jobs() == 10)
    assert deaths(ground) == []
    assert ground.jobs("queue = 'deadly'") == 0
    assert consumer.stop() == 0
    assert ground.broker.left(Lane.CREATES) == []
    ground.audit()


def returned(ground: Ground, create: Create) -> None:
    """Leaves a message of `create` in its queue that was delivered once."""
    holder = ground.inside()
    until(lambda: all(port.channel for port in holding_ports(holder)))
    ground.broker.send([create])
    until(lambda: holder.inboxes[Lane.CREATES]._deliveries)
    holder.stop()


def holding_ports(inside: Inside) -> list[object]:
    return [port for ports in inside.ports.values() for port in ports]


@pytest.mark.slow
def test_a_try_that_a_store_spoilt_counts_as_no_death(ground: Ground) -> None:
    (create,) = ground.new(1)
    returned(ground, create)
    trap = Trap(ground.url, create)
    inside = ground.inside()
    until(lambda: inside.inboxes[Lane.CREATES]._deliveries)
    # The worker's session is killed in the midst of its try, as by a failover, five times.
    worker = inside.workers[Lane.CREATES]
    worker.start()
    for _ in range(5):
        until(trap.caught, 20)
        trap.end_who_waits()
        until(lambda: not trap.caught())
    trap.release()
    until(lambda: ground.jobs() == 1)
    until(lambda: deaths(ground) == [])
    assert ground.broker.dead() == 0
    worker.stop()


def test_a_try_is_forgiven_when_mysql_is_back_if_it_was_away_at_once(ground: Ground) -> None:
    name = "m" * 32
    ground.store.write(lambda tx: suspects.accuse(tx, name, "creates", 0))
    inside = ground.inside()
    worker = inside.workers[Lane.CREATES]
    worker._survived.append(name)
    until(worker._answers)
    assert deaths(ground) == [0]


@pytest.mark.parametrize("message_id", ["", "x" * 200, "schlüssel", "a b", b"\xff\xfe"])
def test_messages_with_any_id_or_none_are_applied_when_they_come_again(
    ground: Ground, message_id: str | bytes
) -> None:
    holder = ground.inside()
    until(lambda: all(port.channel for port in holding_ports(holder)))
    creates = ground.new(3)
    ground.broker.publish(Lane.CREATES, 0, encode(of_writes(creates, 1)), 3, message_id)  # type: ignore[arg-type]
    until(lambda: holder.inboxes[Lane.CREATES]._deliveries)
    holder.stop()
    ground.inside(lanes=[Lane.CREATES])
    until(lambda: ground.jobs() == 3)
    until(lambda: deaths(ground) == [])
    assert ground.broker.dead() == 0


@pytest.mark.slow
def test_a_process_killed_after_its_work_buries_nothing(ground: Ground) -> None:
    ground.broker.send(ground.new(3))
    for _ in range(2):
        consumer = ground.consumer()
        until(lambda: ground.jobs() == 3)
        consumer.kill()
    assert ground.broker.dead() == 0
    assert deaths(ground) == []
