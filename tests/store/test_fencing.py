"""Fencing: an update counts only while its claim is the row's; else it changes nothing."""

from collections.abc import Callable

import pytest

from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.job import ClaimedJob
from jobhopper_core.model.states import Move, Status
from jobhopper_core.model.writes import Extend, Fail, Outcome, Release, Succeed, Update
from jobhopper_core.store.apply import apply
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.save import ChangedMeanwhileError
from jobhopper_core.store.transaction import Transaction

from .steps import SECOND, START, BrokenInto, Store

KINDS: list[type[Update]] = [Extend, Succeed, Fail, Release]
End = Callable[[Store, ClaimedJob], object]


def expired(store: Store, claimed: ClaimedJob) -> None:
    store.clock.advance(61)
    assert store.expire() == {"mail": 1}


def expired_and_claimed_again(store: Store, claimed: ClaimedJob) -> None:
    expired(store, claimed)
    store.clock.advance(6)
    store.promote()
    assert [(job.id, job.attempt) for job in store.claim()] == [(claimed.id, 2)]


def released_and_claimed_again(store: Store, claimed: ClaimedJob) -> None:
    store.send(Release, claimed, progress='"before"')
    assert len(store.claim()) == 1


def cancelled_and_redriven(store: Store, claimed: ClaimedJob) -> None:
    store.operate(claimed.id, move=Move.CANCEL)
    store.operate(claimed.id, move=Move.REDRIVE)


def cancelled_then_claimed_again(store: Store, claimed: ClaimedJob) -> None:
    cancelled_and_redriven(store, claimed)
    assert len(store.claim()) == 1


STALE = {
    "expired": expired,
    "expired, claimed again": expired_and_claimed_again,
    "failed, to be retried": lambda s, c: s.send(Fail, c, error='"before"'),
    "released, claimed again": released_and_claimed_again,
    "cancelled, redriven": cancelled_and_redriven,
    "cancelled, redriven, claimed again": cancelled_then_claimed_again,
}
CANCELLED = {"cancelled": lambda s, c: s.operate(c.id, move=Move.CANCEL)}
NOT_RUNNING = {
    "succeeded": lambda s, c: s.send(Succeed, c, result='"before"'),
    "failed": lambda s, c: s.send(Fail, c, error='"before"', retry=False),
}
ENDS: list[tuple[End, Outcome]] = [
    *((end, Outcome.STALE_CLAIM) for end in STALE.values()),
    *((end, Outcome.CANCELLED) for end in CANCELLED.values()),
    *((end, Outcome.NOT_RUNNING) for end in NOT_RUNNING.values()),
]


def late(store: Store, update_type: type[Update], claimed: ClaimedJob) -> Update:
    """An update that says something else than what ended the claim."""
    says = {Succeed: {"result": '"late"'}, Fail: {"error": '"late"', "retry_in": 0}}
    heartbeat = {"until": START + 9_999 * SECOND}
    return store.update(
        update_type,
        claimed,
        progress='"late"',
        **(heartbeat if update_type is Extend else says.get(update_type, {})),
    )


@pytest.mark.parametrize("update_type", KINDS)
@pytest.mark.parametrize(("end", "outcome"), ENDS, ids=[*STALE, *CANCELLED, *NOT_RUNNING])
def test_an_update_whose_claim_has_ended_changes_nothing_and_is_told_why(
    store: Store, end: End, outcome: Outcome, update_type: type[Update]
) -> None:
    claimed = store.claimed()
    end(store, claimed)
    before = store.job(claimed.id), store.attempts(claimed.id)
    # A release says nothing that could differ, so after a release it is a repeat.
    repeat = update_type is Release and end is released_and_claimed_again
    applied = store.apply(late(store, update_type, claimed))
    assert applied.outcomes == [Outcome.DUPLICATE if repeat else outcome]
    assert (store.job(claimed.id), store.attempts(claimed.id)) == before
    assert applied.effects.ready == applied.effects.finished == set()


@pytest.mark.parametrize("update_type", KINDS)
def test_an_update_for_a_job_that_does_not_exist_is_told_so(
    store: Store, update_type: type[Update]
) -> None:
    (unknown,) = IdMaker().make(1, START)
    claimed = store.claimed()._replace(id=unknown)
    assert store.send(update_type, claimed) is Outcome.NOT_FOUND


@pytest.mark.parametrize("update_type", KINDS)
def test_a_guessed_claim_is_stale_even_with_the_right_attempt(
    store: Store, update_type: type[Update]
) -> None:
    claimed = store.claimed()
    before = store.job(claimed.id)
    guess = claimed._replace(claim_id="00" * 16)
    assert store.apply(late(store, update_type, guess)).outcomes == [Outcome.STALE_CLAIM]
    assert store.job(claimed.id) == before


@pytest.mark.parametrize("update_type", KINDS)
def test_an_update_before_any_claim_is_stale(store: Store, update_type: type[Update]) -> None:
    id_ = store.create()
    guess = store.claimed("other")._replace(id=id_, attempt=0)
    assert store.send(update_type, guess) is Outcome.STALE_CLAIM
    assert store.job(id_).status is Status.QUEUED


def test_what_does_not_apply_does_not_hold_up_the_rest_of_its_batch(store: Store) -> None:
    gone, good = store.claimed(), store.claimed()
    store.operate(gone.id, move=Move.CANCEL)
    unknown = store.update(Succeed, good._replace(id=store.ids(1)[0]))
    applied = store.apply(
        store.update(Succeed, gone), store.update(Succeed, good), unknown, store.new()
    )
    assert applied.outcomes == [
        Outcome.CANCELLED,
        Outcome.APPLIED,
        Outcome.NOT_FOUND,
        Outcome.APPLIED,
    ]
    assert applied.effects.finished == {good.id}


def test_a_row_that_changed_between_read_and_write_undoes_the_transaction(store: Store) -> None:
    claimed = store.claimed()
    other = store.claimed()
    before = store.job(claimed.id), store.job(other.id)
    writes = [store.update(Succeed, other), store.update(Succeed, claimed)]

    def cancel(tx: Transaction) -> None:
        operate(tx, claimed.id, Order(move=Move.CANCEL))

    def verb(tx: Transaction) -> None:
        apply(BrokenInto(tx, "update_matching", cancel), writes, lambda: 0.5, 4)

    with pytest.raises(ChangedMeanwhileError):
        store.write(verb)
    assert (store.job(claimed.id), store.job(other.id)) == before
