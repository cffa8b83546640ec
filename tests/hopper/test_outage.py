"""The outage mode's state in Redis: when it begins, how it goes on, and what outlives Redis."""

import time

import pytest
import redis

from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.outage import Outage, Phase, outage, phase_of

REPLICAS, OUTAGE = "jh:replicas", "jh:outage"


class Watchers:
    """Processes that report, with time that is moved by hand: what they wrote is made older."""

    def __init__(self, link: HopperLink, raw: redis.Redis) -> None:
        self._link = link
        self._commands: HopperCommands = link.commands
        self.raw = raw

    def report(self, process: str, reaches: bool, known: Outage | None = None) -> Outage:
        command = self._commands.report(process, known or Outage(), reaches_mysql=reaches)
        return outage(self._link.run([command])[0])

    def step(self, known: Outage, phase: Phase, mark: int) -> bool:
        return bool(self._link.run([self._commands.step(known, phase, mark)])[0])

    def phase(self) -> Phase:
        return phase_of(self._link.run([self._commands.phase()])[0])

    def have_reported_long(self) -> None:
        """As if reports had come for more than five seconds."""
        first = self.raw.hget(REPLICAS, "first")
        assert first is not None
        self.raw.hset(REPLICAS, "first", int(first) - 5_001)

    def fall_silent(self, process: str) -> None:
        """As if `process` had not reported for five seconds."""
        until, reaches = self.raw.hget(REPLICAS, process).split()
        self.raw.hset(REPLICAS, process, f"{int(until) - 5_001} {int(reaches)}")


@pytest.fixture
def watchers(link: HopperLink, raw: redis.Redis) -> Watchers:
    return Watchers(link, raw)


def down(watchers: Watchers) -> Outage:
    watchers.report("a", True)
    watchers.have_reported_long()
    return watchers.report("a", False)


def test_it_begins_when_no_one_that_reports_reaches_mysql(watchers: Watchers) -> None:
    watchers.report("a", True)
    watchers.report("b", True)
    watchers.have_reported_long()
    alone = watchers.report("a", False)
    assert (alone.phase, alone.replicas, alone.reaching) == (Phase.NONE, 2, 1)
    assert watchers.phase() is Phase.NONE
    both = watchers.report("b", False)
    assert (both.phase, both.replicas, both.reaching) == (Phase.DOWN, 2, 0)
    assert watchers.phase() is Phase.DOWN
    assert abs(both.since - time.time() * 1000) < 60_000


def test_whoever_is_silent_for_five_seconds_has_no_voice(watchers: Watchers) -> None:
    watchers.report("a", False)
    watchers.report("b", True)
    watchers.have_reported_long()
    watchers.fall_silent("b")
    found = watchers.report("a", False)
    assert (found.phase, found.replicas) == (Phase.DOWN, 1)


def test_one_that_has_just_come_does_not_decide_alone(watchers: Watchers) -> None:
    assert watchers.report("a", False).phase is Phase.NONE
    watchers.have_reported_long()
    assert watchers.report("a", False).phase is Phase.DOWN


def test_it_goes_on_step_by_step_and_each_step_is_taken_once(watchers: Watchers) -> None:
    known = down(watchers)
    assert watchers.step(known, Phase.CATCHING_UP, 70)
    assert not watchers.step(known, Phase.CATCHING_UP, 80)
    known = watchers.report("a", True)
    assert (known.phase, known.mark) == (Phase.CATCHING_UP, 70)
    assert watchers.step(known, Phase.CLOSING, 90)
    known = watchers.report("a", True)
    assert (known.phase, known.mark) == (Phase.CLOSING, 90)
    assert watchers.step(known, Phase.NONE, 0)
    assert watchers.report("a", True, known).phase is Phase.NONE
    assert watchers.phase() is Phase.NONE


@pytest.mark.parametrize("phase", [Phase.CATCHING_UP, Phase.CLOSING])
def test_should_mysql_go_again_before_the_end_it_begins_anew(
    watchers: Watchers, phase: Phase
) -> None:
    known = down(watchers)
    assert watchers.step(known, phase, 70)
    again = watchers.report("a", False)
    assert (again.phase, again.mark, again.since) == (Phase.DOWN, 0, known.since)


def test_what_a_flush_takes_away_its_witnesses_say_again(watchers: Watchers) -> None:
    known = down(watchers)
    watchers.step(known, Phase.CATCHING_UP, 70)
    known = watchers.report("a", True)
    watchers.raw.flushall()
    found = watchers.report("b", True)
    assert found.phase is Phase.NONE
    found = watchers.report("a", True, known)
    assert (found.phase, found.mark) == (Phase.CATCHING_UP, 70)
    assert watchers.report("b", True).phase is Phase.CATCHING_UP


def test_who_missed_the_end_does_not_bring_it_back(watchers: Watchers) -> None:
    known = down(watchers)
    watchers.step(known, Phase.CATCHING_UP, 70)
    late = watchers.report("a", True)
    watchers.step(late, Phase.NONE, 0)
    assert watchers.report("b", True, late).phase is Phase.NONE


def test_it_may_begin_again_after_it_ended(watchers: Watchers) -> None:
    known = down(watchers)
    watchers.step(known, Phase.NONE, 0)
    assert watchers.report("a", True).phase is Phase.NONE
    assert watchers.report("a", False).phase is Phase.DOWN
