"""Bad writes go to the dead-letter queue, one by one; what came with them is applied."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from store.steps import SECOND

from jobhopper_consumer import cemetery
from jobhopper_core.broker.envelope import READS, decode, encode, of_writes
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import StoreDataError
from jobhopper_core.flows import apply_and_offer
from jobhopper_core.model.writes import Create, Fail, Succeed

from .ground import Ground, metrics, until

BAD: dict[str, dict[str, Any]] = {
    "a queue's name of 200 characters": {"queue": "q" * 200},
    "a priority of 11": {"priority": 11},
    "a priority of 10^30": {"priority": 10**30},
    "a time beyond all numbers": {"run_at": 10**25},
    "no attempts": {"max_attempts": 0},
}


@pytest.mark.parametrize("what", BAD)
def test_one_bad_write_among_five_hundred_is_buried_alone(ground: Ground, what: str) -> None:
    creates = ground.new(500)
    bad = msgspec.structs.replace(creates[321], **BAD[what])
    ground.broker.send([*creates[:321], bad, *creates[322:]])
    ground.inside(lanes=[Lane.CREATES])
    until(lambda: ground.jobs() == 499, why=what)
    (letter,) = ground.broker.dead_letters(1)
    assert [write.id for write in decode(letter.body).writes] == [bad.id]
    assert letter.headers["x-jh-code"] == "data_error"
    assert letter.headers["x-jh-queue"] == "jobhopper.creates.0"
    assert letter.headers["x-jh-error"]
    assert abs(letter.headers["x-jh-at"] - ground.clock()) < 60 * SECOND
    assert letter.headers["x-jh-writes"] == 1
    until(lambda: ground.broker.all_waiting(Lane.CREATES) == 0)
    ground.audit()


def test_bad_writes_are_buried_in_the_order_they_came(ground: Ground) -> None:
    creates = ground.new(100)
    places = [3, 4, 50, 77, 99]
    for place in places:
        creates[place] = msgspec.structs.replace(creates[place], priority=11)
    ground.broker.send(creates)
    ground.inside(lanes=[Lane.CREATES])
    letters = ground.broker.dead_letters(5)
    found = [decode(letter.body).writes[0].id for letter in letters]
    assert found == [creates[place].id for place in places]
    until(lambda: ground.jobs() == 95)
    ground.audit()


def test_a_write_without_a_proper_id_is_buried_and_blocks_nobody(ground: Ground) -> None:
    creates = ground.new(3)
    creates[1] = msgspec.structs.replace(creates[1], id="no-id-at-all")
    ground.broker.send(creates, shard=0)
    (job,) = ground.running(1)
    updates = [ground.store.update(Succeed, job), ground.store.update(Succeed, job)]
    updates[0].id = "zz"
    ground.broker.send(updates, shard=0)
    ground.inside(lanes=list(Lane))
    letters = ground.broker.dead_letters(2)
    assert {decode(letter.body).writes[0].id for letter in letters} == {"no-id-at-all", "zz"}
    until(lambda: ground.jobs("queue = 'mail'") == 2)
    until(lambda: ground.store.job(job.id).status == "succeeded")


def test_a_tick_beside_a_bad_write_counts(ground: Ground) -> None:
    (job,) = ground.running(1, 0, lease=1)
    (other,) = ground.running(1, 0)
    tick = ground.clock() + 60 * SECOND
    bad = ground.store.update(Fail, other, error='"x"', retry_in=10**25)
    inside = ground.inside()
    ground.broker.send([bad])
    ground.broker.publish(Lane.UPDATES, 0, b"\xff\xfe damaged")
    ground.broker.tick(tick, shard=0)
    until(lambda: len(inside.inboxes[Lane.UPDATES]._deliveries) == 3)
    assert inside.workers[Lane.UPDATES].run_once() == 1
    assert ground.store.endings(job.id) == [(1, "expired")]
    assert len(ground.broker.dead_letters(2)) == 2


def test_a_tick_whose_work_fails_blames_no_write(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise StoreDataError("an expiry that the database refuses")

    monkeypatch.setattr(apply_and_offer, "expire", fails)
    (job,) = ground.running(1, 0)
    inside = ground.inside()
    ground.broker.send([ground.store.update(Succeed, job)])
    ground.broker.tick(ground.clock(), shard=0)
    until(lambda: len(inside.inboxes[Lane.UPDATES]._deliveries) == 2)
    inside.workers[Lane.UPDATES].run_once()
    assert ground.store.job(job.id).status == "succeeded"
    assert ground.broker.dead() == 0
    assert "an expiry that the database refuses" in caplog.text


DAMAGED: dict[str, bytes] = {
    "not JSON": b'{"v": 1, "writes": [',
    "not UTF-8": b'{"v": 1, "id": "\xff\xfe"}',
    "nested deeply": b'{"v": 1, "writes": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "no object": b"[]",
    "empty": b"",
    "no version": b'{"writes": []}',
    "an unknown version": b'{"v": 99, "writes": []}',
    "an unknown write": b'{"v": 1, "writes": [{"op": "explode", "id": "x"}]}',
    "a field of another type": b'{"v": 1, "writes": [{"op": "create", "id": 1}]}',
    "a half of a surrogate pair": b'{"v": 1, "id": "\\ud800"}',
}


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cemetery, "_DEAD_PER_MINUTE", 1_000)


@pytest.mark.usefixtures("calm")
def test_what_is_no_envelope_is_buried_as_it_came(ground: Ground) -> None:
    names = {
        ground.broker.publish(Lane.CREATES, 1, body, traceparent="00-abc"): what
        for what, body in DAMAGED.items()
    }
    good = ground.new(2, shard=1)
    ground.broker.send(good)
    ground.inside(lanes=[Lane.CREATES])
    until(lambda: ground.jobs() == 2)
    letters = ground.broker.dead_letters(len(DAMAGED))
    assert {names[letter.message_id]: letter.body for letter in letters} == DAMAGED
    for letter in letters:
        assert letter.headers["x-jh-code"] == "data_error"
        assert letter.headers["x-jh-queue"] == "jobhopper.creates.1"
        assert letter.headers["traceparent"] == "00-abc"
        assert letter.headers["x-jh-error"]
        assert letter.headers["x-jh-at"] > 0
    until(lambda: ground.broker.all_waiting(Lane.CREATES) == 0)


@pytest.mark.parametrize("version", sorted(READS))
def test_every_version_that_this_release_reads_is_applied(ground: Ground, version: int) -> None:
    creates = ground.new(2)
    envelope = of_writes(creates, 1)
    envelope.v = version
    ground.broker.publish(Lane.CREATES, 0, encode(envelope), 2)
    ground.inside(lanes=[Lane.CREATES])
    until(lambda: ground.jobs() == 2)


def bad_creates(ground: Ground, count: int) -> list[Create]:
    return [msgspec.structs.replace(one, priority=11) for one in ground.new(count)]


Send = Callable[[Ground], None]


def in_one(ground: Ground) -> None:
    ground.broker.send([*bad_creates(ground, 13), *ground.new(5)])


def in_many(ground: Ground) -> None:
    for one in bad_creates(ground, 13):
        ground.broker.send([one])
    ground.broker.send(ground.new(5))


@pytest.mark.parametrize("send", [in_one, pytest.param(in_many, marks=pytest.mark.slow)])
def test_more_than_ten_a_minute_halt_the_shard_which_goes_on_by_itself(
    ground: Ground, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cemetery, "_MINUTE", 4.0)
    send(ground)
    inside = ground.inside(lanes=[Lane.CREATES])
    until(lambda: inside.metric("jobhopper_shard_halted", shard="creates") == 1)
    assert ground.broker.dead() == 10
    until(lambda: ground.jobs() == 5, 20, "it goes on by itself")
    # Each was buried once, those before the halt as well.
    letters = ground.broker.dead_letters(13)
    assert len({decode(letter.body).writes[0].id for letter in letters}) == 13
    until(lambda: inside.metric("jobhopper_shard_halted", shard="creates") == 0)
    until(lambda: ground.broker.all_waiting(Lane.CREATES) == 0)
    assert ground.rows("SELECT COUNT(*) FROM suspects") == [(0,)]
    ground.audit()


def test_a_halted_shard_says_so_in_metrics_and_log(ground: Ground) -> None:
    consumer = ground.consumer()
    in_one(ground)
    name = 'jobhopper_shard_halted{shard="creates"}'
    until(lambda: metrics(consumer).get(name) == 1)
    assert metrics(consumer)['jobhopper_dead_letters_sent_total{lane="creates"}'] == 10
    assert "shard_halted" in consumer.tail()
    # The other lane goes on.
    (job,) = ground.running(1)
    ground.broker.send([ground.store.update(Succeed, job)])
    until(lambda: ground.store.job(job.id).status == "succeeded")
    assert consumer.stop() == 0
