"""Who is entitled to a shard asks for it, and only while it hears nothing of it."""

import pytest
from stopped_clock import StoppedClock

from jobhopper_consumer import bidding
from jobhopper_consumer.batch import read
from jobhopper_consumer.bidding import Bidding
from jobhopper_consumer.inbox import Delivery
from jobhopper_core.broker.envelope import encode, of_bid, of_tick
from jobhopper_core.broker.ladder import LOWEST


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(bidding, "time", made)
    return made


def test_it_bids_after_two_seconds_of_silence_and_every_three_after_that(
    clock: StoppedClock,
) -> None:
    own = Bidding(1)
    clock.now += 1.9
    assert not own.is_due()
    clock.now += 0.2
    assert own.is_due()
    own.note()
    assert not own.is_due()
    clock.now += 3
    assert own.is_due()


def test_it_does_not_bid_for_what_it_hears_of(clock: StoppedClock) -> None:
    own = Bidding(1)
    for _ in range(10):
        clock.now += 1
        own.heard()
        assert not own.is_due()


def test_who_is_not_entitled_never_bids(clock: StoppedClock) -> None:
    other = Bidding(LOWEST)
    clock.now += 60
    assert not other.is_due()


def test_the_highest_fresh_bid_of_a_shard_counts() -> None:
    deliveries = [bid(0, 1), bid(0, 3), bid(0, 2), bid(1, 0), bid(2, 9, redelivered=True)]
    batch, rejects = read(deliveries)
    assert batch.bids == {0: 3, 1: 0}
    assert not batch.items
    assert not batch.ticks
    assert not rejects


def test_a_tick_is_no_bid() -> None:
    assert read([delivery(0, encode(of_tick(5)))])[0].bids == {}


def bid(shard: int, rank: int, *, redelivered: bool = False) -> Delivery:
    return delivery(shard, encode(of_bid(rank)), redelivered=redelivered)


def delivery(shard: int, body: bytes, *, redelivered: bool = False) -> Delivery:
    return Delivery(shard, 1, 1, redelivered, "", body, 0)
