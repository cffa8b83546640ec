"""A subscription that says "nothing came" at once is dead; one that waits before it is quiet."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from stopped_clock import StoppedClock

from jobhopper_core.hopper import silence
from jobhopper_core.hopper.silence import Silence


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(silence, "time", made)
    return made


def test_a_quiet_one_may_be_so_for_ever(clock: StoppedClock) -> None:
    one = Silence(5)
    for _ in range(100):
        clock.now += 5
        one.heard(False)


def test_a_dead_one_is_found_out(clock: StoppedClock) -> None:
    one = Silence(5)
    for _ in range(5):
        clock.now += 0.001
        one.heard(False)
    clock.now += 0.001
    with pytest.raises(RedisConnectionError):
        one.heard(False)


def test_replies_to_subscribing_come_at_once_and_mean_nothing(clock: StoppedClock) -> None:
    one = Silence(5)
    for _ in range(20):
        for _ in range(3):
            one.heard(False)
        one.heard(True)
        clock.now += 5
        one.heard(False)
