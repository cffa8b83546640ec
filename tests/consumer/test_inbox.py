"""A busy lane gathers large batches; a quiet one waits for nothing."""

import threading
import time

from jobhopper_consumer.inbox import BUSY_WRITES, BYTES_MAX, WRITES_MAX, Delivery, Inbox
from jobhopper_core.broker.names import Lane


def delivery(tag: int, writes: int = 1, shard: int = 0, **fields: object) -> Delivery:
    return Delivery(
        shard,
        1,
        tag,
        **{  # type: ignore[arg-type]
            "redelivered": False,
            "message_id": str(tag),
            "body": b"",
            "writes": writes,
            **fields,
        },
    )


def tags(batch: list[Delivery]) -> list[int]:
    return [one.tag for one in batch]


def test_one_job_at_a_time_waits_for_nothing() -> None:
    inbox = Inbox(Lane.CREATES)
    took = []
    for tag in range(20):
        inbox.put(delivery(tag))
        began = time.perf_counter()
        assert tags(inbox.gather(1)) == [tag]
        took.append(time.perf_counter() - began)
        time.sleep(0.005)
    assert sorted(took)[10] < 0.002


def test_a_job_that_comes_while_it_waits_is_taken_at_once() -> None:
    inbox = Inbox(Lane.CREATES)
    threading.Timer(0.1, inbox.put, [delivery(1)]).start()
    began = time.perf_counter()
    assert tags(inbox.gather(5)) == [1]
    assert time.perf_counter() - began < 0.15


def test_a_quiet_lane_gives_nothing_when_the_time_is_up() -> None:
    began = time.perf_counter()
    assert Inbox(Lane.CREATES).gather(0.1) == []
    assert 0.09 < time.perf_counter() - began < 0.2


def test_a_busy_lane_waits_for_more_while_more_is_arriving_and_no_longer_than_20_ms() -> None:
    inbox = Inbox(Lane.CREATES)
    inbox.put(delivery(0, writes=BUSY_WRITES))
    inbox.gather(1)
    stop = threading.Event()

    def arrive() -> None:
        tag = 1
        while not stop.wait(0.0005):
            inbox.put(delivery(tag))
            tag += 1

    thread = threading.Thread(target=arrive)
    thread.start()
    time.sleep(0.003)
    began = time.perf_counter()
    batch = inbox.gather(1)
    took = time.perf_counter() - began
    stop.set()
    thread.join()
    assert len(batch) > 5
    assert 0.01 < took < 0.05


def test_a_batch_is_no_larger_than_it_may_be_unless_it_is_one_message() -> None:
    inbox = Inbox(Lane.CREATES)
    for tag in range(5):
        inbox.put(delivery(tag, writes=900))
    assert tags(inbox.gather(1)) == [0, 1]
    assert WRITES_MAX < 3 * 900
    large = Inbox(Lane.CREATES)
    body = b"x" * (BYTES_MAX // 2 + 1)
    for tag in range(2):
        large.put(delivery(tag, body=body))
    assert tags(large.gather(1)) == [0]


def test_messages_that_came_again_go_together_and_in_their_place() -> None:
    inbox = Inbox(Lane.CREATES)
    for tag, again in enumerate((False, True, True, False, False)):
        inbox.put(delivery(tag, redelivered=again))
    batches = [tags(inbox.gather(1)) for _ in range(3)]
    assert batches == [[0], [1, 2], [3, 4]]


def test_what_is_cleared_is_one_shards_alone() -> None:
    inbox = Inbox(Lane.CREATES)
    for tag in range(6):
        inbox.put(delivery(tag, shard=tag % 2))
    inbox.clear(0)
    assert tags(inbox.gather(1)) == [1, 3, 5]


def test_who_is_told_to_stop_waits_for_no_message() -> None:
    inbox = Inbox(Lane.CREATES)
    threading.Timer(0.1, inbox.wake).start()
    began = time.perf_counter()
    assert inbox.gather(5) == []
    assert time.perf_counter() - began < 1


def test_what_this_process_gave_back_is_believed_once() -> None:
    inbox = Inbox(Lane.CREATES)
    for tag in range(3):
        inbox.put(delivery(tag))
    in_hand = inbox.gather(1)
    inbox.put(delivery(3))
    inbox.put(delivery(4, shard=1))
    inbox.trust(in_hand)
    inbox.clear(0)
    assert tags(inbox.gather(1)) == [4]
    for tag in range(4):
        inbox.put(delivery(tag, redelivered=True))
    assert tags(inbox.gather(1)) == [0, 1, 2, 3]
    for tag in range(4):
        inbox.put(delivery(tag, redelivered=True))
    assert all(one.suspect for one in inbox.gather(1))
