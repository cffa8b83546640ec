"""An update that is sent again: known by its content, and never applied a second time."""

from collections.abc import Callable

import pytest

from jobhopper_core.model.job import ClaimedJob
from jobhopper_core.model.states import Move, Status
from jobhopper_core.model.writes import Extend, Fail, Outcome, Release, Succeed, Update
from jobhopper_core.store.operate import erase

from .steps import SECOND, START, Store

DUPLICATE, STALE, NOT_RUNNING = Outcome.DUPLICATE, Outcome.STALE_CLAIM, Outcome.NOT_RUNNING
Make = Callable[[Store, ClaimedJob], Update]

UPDATES: dict[str, Make] = {
    "succeed": lambda s, c: s.update(Succeed, c, result='{"a": 1}'),
    "succeed, no result": lambda s, c: s.update(Succeed, c),
    "fail, to be retried": lambda s, c: s.update(Fail, c, error='"x"'),
    "fail, retried at once": lambda s, c: s.update(Fail, c, error='"x"', retry_in=0),
    "fail for good": lambda s, c: s.update(Fail, c, error='"x"', retry=False),
    "fail, no error": lambda s, c: s.update(Fail, c),
    "release": lambda s, c: s.update(Release, c),
}
REPEATS = pytest.mark.parametrize("make", UPDATES.values(), ids=UPDATES)


@REPEATS
def test_the_same_again_is_a_duplicate_and_changes_nothing(store: Store, make: Make) -> None:
    claimed = store.claimed()
    update = make(store, claimed)
    assert store.apply(update).outcomes == [Outcome.APPLIED]
    before = store.job(claimed.id), store.attempts(claimed.id)
    again = make(store, claimed)
    again.at += SECOND
    again.progress = '"newer"'
    applied = store.apply(update, again)
    assert applied.outcomes == [DUPLICATE, DUPLICATE]
    assert applied.effects.ready == applied.effects.finished == set()
    assert (store.job(claimed.id), store.attempts(claimed.id)) == before


@REPEATS
def test_the_same_twice_in_a_batch_is_applied_once(store: Store, make: Make) -> None:
    claimed = store.claimed()
    update = make(store, claimed)
    assert store.apply(update, update).outcomes == [Outcome.APPLIED, DUPLICATE]
    assert len(store.attempts(claimed.id)) == (0 if isinstance(update, Succeed) else 1)


@pytest.mark.parametrize("name", ["fail, to be retried", "fail, retried at once", "release"])
def test_a_repeat_is_known_after_the_job_has_moved_on(store: Store, name: str) -> None:
    claimed = store.claimed()
    update = UPDATES[name](store, claimed)
    store.apply(update)
    store.clock.advance(6)
    store.promote()
    (second,) = store.claim()
    assert store.apply(update).outcomes == [DUPLICATE]
    store.send(Succeed, second)
    assert store.apply(update).outcomes == [DUPLICATE]
    assert store.job(claimed.id).status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("first", "other", "outcome"),
    [
        ((Succeed, {"result": "1"}), (Succeed, {"result": "2"}), NOT_RUNNING),
        ((Succeed, {"result": "1"}), (Succeed, {}), NOT_RUNNING),
        ((Succeed, {"result": "1"}), (Succeed, {"result": "1 "}), NOT_RUNNING),
        ((Succeed, {}), (Fail, {}), NOT_RUNNING),
        ((Succeed, {}), (Release, {}), NOT_RUNNING),
        ((Fail, {"error": "1", "retry": False}), (Fail, {"error": "2"}), NOT_RUNNING),
        ((Fail, {"error": "1", "retry": False}), (Succeed, {}), NOT_RUNNING),
        ((Fail, {"error": "1"}), (Fail, {"error": "2"}), STALE),
        ((Fail, {}), (Release, {}), STALE),
        ((Release, {}), (Fail, {}), STALE),
        ((Release, {}), (Succeed, {}), STALE),
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["after", "in one batch"])
def test_something_else_after_the_end_is_refused(
    store: Store, first: tuple, other: tuple, outcome: Outcome, together: bool
) -> None:
    claimed = store.claimed()
    one = store.update(first[0], claimed, **first[1])
    two = store.update(other[0], claimed, **other[1])
    if together:
        assert store.apply(one, two).outcomes == [Outcome.APPLIED, outcome]
    else:
        store.apply(one)
        assert store.apply(two).outcomes == [outcome]


def test_what_ended_one_attempt_is_no_repeat_for_another(store: Store) -> None:
    first = store.claimed()
    store.send(Fail, first, error='"x"', retry_in=0)
    (second,) = store.claim()
    assert store.send(Fail, second, error='"x"', retry_in=0) is Outcome.APPLIED
    assert store.endings(first.id) == [(1, "failed"), (2, "failed")]
    assert store.job(first.id).failures == 2


def test_the_success_of_an_older_attempt_is_no_repeat_of_a_newer_ones(store: Store) -> None:
    first = store.claimed()
    store.send(Release, first)
    (second,) = store.claim()
    store.send(Succeed, second, result="1")
    assert store.send(Succeed, first, result="1") is STALE


def test_an_expired_attempt_was_ended_by_the_timer_not_by_its_workers_failure(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(61)
    store.expire()
    error = store.job(claimed.id).error
    assert store.send(Fail, claimed, error=error) is STALE
    assert store.endings(claimed.id) == [(1, "expired")]


def test_a_heartbeat_sent_again_does_no_harm(store: Store) -> None:
    claimed = store.claimed()
    beat = store.update(Extend, claimed, until=START + 99 * SECOND, progress="1")
    store.apply(beat)
    before = store.job(claimed.id)
    assert store.apply(beat, beat).outcomes == [Outcome.APPLIED] * 2
    assert store.job(claimed.id) == before


def test_after_a_redrive_the_old_failure_is_still_known(store: Store) -> None:
    claimed = store.claimed()
    failure = store.update(Fail, claimed, error='"x"', retry=False)
    store.apply(failure)
    store.operate(claimed.id, move=Move.REDRIVE)
    assert store.apply(failure).outcomes == [DUPLICATE]
    assert store.job(claimed.id).status is Status.QUEUED


def test_an_erased_result_can_no_longer_be_compared(store: Store) -> None:
    claimed = store.claimed()
    success = store.update(Succeed, claimed, result='"secret"')
    store.apply(success)
    store.write(lambda tx: erase(tx, claimed.id))
    assert store.apply(success).outcomes == [NOT_RUNNING]
    assert store.job(claimed.id).result is None
