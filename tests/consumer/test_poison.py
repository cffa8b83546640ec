"""A message that consumers die of goes to the dead-letter queue; its neighbours are applied."""

import pytest

from jobhopper_core.broker.envelope import decode, encode, of_writes
from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Create
from jobhopper_core.store import suspects
from jobhopper_core.store.suspects import Suspect

from .broker import SHARDS
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
    # It comes in a batch first, uncounted. Then with all that came back: counted for each of them,
    # since nobody can tell which message it was. Then alone.
    for counted in ([], [1], [2], [3]):
        consumer = ground.consumer()
        until(trap.caught, 20, consumer.tail())
        until(lambda counted=counted: deaths(ground)[-1:] == counted)
        # Its neighbours died with it once at most.
        assert all(number == 1 for number in deaths(ground)[:-1])
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
    until(lambda: deaths(ground) == [])
    assert ground.jobs("queue = 'deadly'") == 0
    assert consumer.stop() == 0
    assert ground.broker.left(Lane.CREATES) == []
    ground.audit()


@pytest.mark.slow
def test_two_of_a_window_that_kill_are_buried_and_all_others_are_applied(ground: Ground) -> None:
    deadly = [ground.new(1, shard, queue="deadly") for shard in (0, 1)]
    traps = [Trap(ground.url, create) for (create,) in deadly]
    window = [ground.new(1, number % SHARDS) for number in range(20)]
    for creates in [*window[:5], deadly[0], *window[5:15], deadly[1], *window[15:]]:
        ground.broker.send(creates)
    consumer = ground.consumer()
    # Of each at most: in a batch, with all that came back, and twice alone.
    for _ in range(8):
        until(lambda: traps[0].caught() or ground.broker.dead() == 2, 20, consumer.tail())
        if not traps[0].caught():
            break
        consumer.kill()
        traps[0].end_who_waits()
        until(lambda: not traps[0].caught(), 15)
        consumer = ground.consumer()
    letters = ground.broker.dead_letters(2, 20)
    buried = {write.id for letter in letters for write in decode(letter.body).writes}
    assert buried == {create.id for (create,) in deadly}
    for trap in traps:
        trap.release()
    until(lambda: ground.jobs() == 20)
    until(lambda: deaths(ground) == [])
    assert consumer.stop() == 0
    ground.audit()


def returned(ground: Ground, *creates: Create) -> None:
    """Leaves messages, one of each of `creates`, in their queues that were delivered once."""
    holder = ground.inside()
    until(lambda: all(port.channel for port in holding_ports(holder)))
    for create in creates:
        ground.broker.send([create])
    until(lambda: len(holder.inboxes[Lane.CREATES]._deliveries) == len(creates))
    holder.stop()
    until(lambda: ground.broker.all_waiting(Lane.CREATES) == len(creates))


def holding_ports(inside: Inside) -> list[object]:
    return [port for ports in inside.ports.values() for port in ports]


def batches(inside: Inside) -> float:
    return inside.metric("jobhopper_apply_duration_seconds_count", lane="creates")


def test_a_window_that_another_consumer_gave_back_is_applied_as_one(ground: Ground) -> None:
    """One by one, each with its try committed before it, it would take long after an outage."""
    returned(ground, *(ground.new(1, number % SHARDS)[0] for number in range(40)))
    inside = ground.inside()
    until(lambda: len(inside.inboxes[Lane.CREATES]._deliveries) == 40)
    inside.workers[Lane.CREATES].start()
    until(lambda: ground.jobs() == 40)
    until(lambda: batches(inside) > 0)
    assert batches(inside) == 1
    assert deaths(ground) == []
    inside.workers[Lane.CREATES].stop()
    assert ground.broker.left(Lane.CREATES) == []


def test_a_bad_write_in_a_window_that_came_back_is_buried_alone(ground: Ground) -> None:
    good = [ground.new(1, number % SHARDS)[0] for number in range(9)]
    (bad,) = ground.new(1, 2, queue="x" * 1_000)
    returned(ground, *good[:5], bad, *good[5:])
    inside = ground.inside(lanes=[Lane.CREATES])
    (letter,) = ground.broker.dead_letters(1)
    assert [write.id for write in decode(letter.body).writes] == [bad.id]
    until(lambda: ground.jobs() == 9)
    until(lambda: deaths(ground) == [])
    inside.workers[Lane.CREATES].stop()


@pytest.mark.slow
def test_what_can_not_be_read_beside_what_kills_is_buried_once(ground: Ground) -> None:
    (deadly,) = ground.new(1)
    trap = Trap(ground.url, deadly)
    holder = ground.inside()
    until(lambda: all(port.channel for port in holding_ports(holder)))
    ground.broker.publish(Lane.CREATES, 0, b"damaged", message_id="damaged")
    ground.broker.send([deadly])
    until(lambda: len(holder.inboxes[Lane.CREATES]._deliveries) == 2)
    holder.stop()
    for _ in range(3):
        consumer = ground.consumer()
        until(trap.caught, 20, consumer.tail())
        consumer.kill()
        trap.end_who_waits()
        until(lambda: not trap.caught(), 15)
    ground.consumer()
    letters = ground.broker.dead_letters(2, 20)
    assert letters[0].message_id == "damaged"
    assert deadly.id.encode() in letters[1].body
    trap.release()


@pytest.mark.slow
@pytest.mark.parametrize("beside", [0, 5], ids=["alone", "in a window"])
def test_a_try_that_a_store_spoilt_counts_as_no_death(ground: Ground, beside: int) -> None:
    creates = ground.new(1 + beside)
    returned(ground, *creates)
    trap = Trap(ground.url, creates[0])
    inside = ground.inside()
    until(lambda: len(inside.inboxes[Lane.CREATES]._deliveries) == 1 + beside)
    # The worker's session is killed in the midst of its try, as by a failover, five times.
    worker = inside.workers[Lane.CREATES]
    worker.start()
    for _ in range(5):
        until(trap.caught, 20)
        assert set(deaths(ground)) == {1}
        trap.end_who_waits()
        until(lambda: not trap.caught())
    trap.release()
    until(lambda: ground.jobs() == 1 + beside)
    until(lambda: deaths(ground) == [])
    assert ground.broker.dead() == 0
    worker.stop()


def test_a_try_is_forgiven_when_mysql_is_back_if_it_was_away_at_once(ground: Ground) -> None:
    name = "m" * 32
    ground.store.write(lambda tx: suspects.accuse(tx, [Suspect(name, "creates", 0)]))
    inside = ground.inside()
    worker = inside.workers[Lane.CREATES]
    worker._trials._survived.append(name)
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
    consumer = ground.consumer()
    # Behind what may have come back a third time, and counted while the second was on its way.
    ground.broker.send(ground.new(1))
    until(lambda: ground.jobs() == 4)
    until(lambda: deaths(ground) == [])
    assert consumer.stop() == 0
    assert ground.broker.left(Lane.CREATES) == []
    assert ground.broker.dead() == 0
