"""The breaker: refuses at once after a failure, lets one caller find out, closes on an answer."""

import threading
import time

import pytest
from stopped_clock import StoppedClock

from jobhopper_core import breaker
from jobhopper_core.breaker import Breaker, State


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(breaker, "time", made)
    return made


def opened(clock: StoppedClock) -> Breaker:
    one = Breaker()
    assert one.admits()
    one.failed()
    return one


def test_a_closed_one_lets_everybody_pass() -> None:
    one = Breaker()
    assert [one.admits() for _ in range(3)] == [True] * 3
    assert one.state is State.CLOSED


def test_after_a_failure_all_are_refused_at_once_for_a_moment(clock: StoppedClock) -> None:
    one = opened(clock)
    clock.now += breaker.PAUSE_SECONDS - 0.01
    assert (one.admits(), one.state) == (False, State.OPEN)


def test_then_one_finds_out_and_the_others_are_refused_meanwhile(clock: StoppedClock) -> None:
    one = opened(clock)
    clock.now += breaker.PAUSE_SECONDS
    assert [one.admits() for _ in range(3)] == [True, False, False]
    assert one.state is State.HALF_OPEN
    one.succeeded()
    assert (one.state, one.admits()) == (State.CLOSED, True)


def test_one_that_hangs_is_asked_less_often_but_within_two_seconds(clock: StoppedClock) -> None:
    one = opened(clock)
    clock.now += breaker.PAUSE_SECONDS
    assert one.admits()
    clock.now += 1.0
    one.failed()
    clock.now += breaker.PAUSE_SECONDS + 0.1
    assert not one.admits()
    clock.now += 2.0
    assert one.admits()


def test_a_question_that_its_caller_gave_up_leaves_the_next_one_to_ask(clock: StoppedClock) -> None:
    one = opened(clock)
    clock.now += breaker.PAUSE_SECONDS
    assert one.admits()
    one.abandon()
    assert one.admits()


def test_only_openings_are_counted(clock: StoppedClock) -> None:
    one = opened(clock)
    one.failed()
    assert one.openings == 1
    one.succeeded()
    one.failed()
    assert one.openings == 2


def test_of_many_threads_one_finds_out() -> None:
    one = Breaker()
    one.failed()
    time.sleep(breaker.PAUSE_SECONDS + 0.05)
    admitted: list[bool] = []
    begin = threading.Barrier(16)

    def ask() -> None:
        begin.wait()
        admitted.append(one.admits())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(admitted) == [False] * 15 + [True]
