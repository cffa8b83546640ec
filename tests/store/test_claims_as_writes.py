"""Claims of the outage mode: they come as writes, after their job was handed out."""

import itertools
from typing import Any

import pytest

from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.states import Move, Status
from jobhopper_core.model.writes import Claim, Extend, Fail, Outcome, Release, Succeed, Write

from .steps import SECOND, Store

CLAIM_ID = "c1" * 16
OTHER_ID = "c2" * 16


def claim_of(store: Store, id_: str, attempt: int = 1, claim_id: str = CLAIM_ID) -> Claim:
    until = store.clock() + 60 * SECOND
    return Claim(
        id=id_, at=store.clock(), claim_id=claim_id, attempt=attempt, until=until, worker="w"
    )


def ended(store: Store, id_: str, attempt: int = 1, claim_id: str = CLAIM_ID) -> Succeed:
    return Succeed(id_, store.clock(), claim_id, attempt, result='"done"')


def test_a_claim_makes_its_job_run_as_if_it_had_been_claimed_here(store: Store) -> None:
    id_ = store.create()
    claim = claim_of(store, id_)
    assert store.apply(claim).outcomes == [Outcome.APPLIED]
    job = store.job(id_)
    assert (job.status, job.attempt, job.worker) == (Status.RUNNING, 1, "w")
    assert job.lease_until == claim.until
    assert store.depths() == {"running": 1}
    assert store.claim() == []
    assert store.apply(ended(store, id_)).outcomes == [Outcome.APPLIED]
    assert (store.job(id_).status, store.job(id_).result) == (Status.SUCCEEDED, '"done"')


def test_it_takes_its_job_out_of_the_hopper(store: Store) -> None:
    id_ = store.create()
    claim = claim_of(store, id_)
    assert store.apply(claim).effects.moved == {("mail", id_): claim.at}


def test_a_claim_and_all_that_followed_fold_into_one_row(store: Store) -> None:
    id_ = store.create()
    claim = claim_of(store, id_)
    later = Extend(id_, store.clock(), CLAIM_ID, 1, until=claim.until + SECOND, progress="1")
    writes: list[Write] = [claim, later, ended(store, id_)]
    assert store.apply(*writes).outcomes == [Outcome.APPLIED] * 3
    job = store.job(id_)
    assert (job.status, job.attempt, job.progress) == (Status.SUCCEEDED, 1, "1")
    assert store.depths() == {"succeeded": 1}


def test_it_ends_like_any_other_when_its_worker_is_not_heard_of(store: Store) -> None:
    id_ = store.create()
    store.apply(claim_of(store, id_))
    store.clock.advance(61)
    assert store.expire() == {"mail": 1}
    assert store.endings(id_) == [(1, "expired")]
    store.clock.advance(6)
    store.promote()
    assert store.apply(claim_of(store, id_, attempt=2)).outcomes == [Outcome.APPLIED]


@pytest.mark.parametrize("ending", [Fail, Release])
def test_a_job_that_came_back_is_claimed_with_its_next_attempt(store: Store, ending: Any) -> None:
    id_ = store.create()
    back = ending(id_, store.clock(), CLAIM_ID, 1)
    if ending is Fail:
        back.retry_in = 0
    again = claim_of(store, id_, 2, OTHER_ID)
    writes = [claim_of(store, id_), back, again, ended(store, id_, 2, OTHER_ID)]
    assert store.apply(*writes).outcomes == [Outcome.APPLIED] * 4
    assert (store.job(id_).status, store.job(id_).attempt) == (Status.SUCCEEDED, 2)


def test_the_second_of_two_claims_of_an_attempt_comes_to_nothing(store: Store) -> None:
    id_ = store.create()
    store.apply(claim_of(store, id_))
    assert store.apply(claim_of(store, id_, claim_id=OTHER_ID)).outcomes == [Outcome.STALE_CLAIM]
    assert store.apply(ended(store, id_, claim_id=OTHER_ID)).outcomes == [Outcome.STALE_CLAIM]
    assert store.apply(ended(store, id_)).outcomes == [Outcome.APPLIED]


def test_a_claim_that_comes_again_changes_nothing(store: Store) -> None:
    id_ = store.create()
    claim = claim_of(store, id_)
    store.apply(claim)
    before = store.job(id_)
    assert store.apply(claim).outcomes == [Outcome.DUPLICATE]
    assert store.job(id_) == before
    store.apply(ended(store, id_))
    assert store.apply(claim).outcomes == [Outcome.NOT_RUNNING]
    assert store.job(id_).status is Status.SUCCEEDED


def test_an_update_that_comes_before_its_claim_says_so_and_changes_nothing(store: Store) -> None:
    id_ = store.create()
    claim = claim_of(store, id_)
    assert store.apply(ended(store, id_)).outcomes == [Outcome.AHEAD]
    assert store.job(id_).status is Status.QUEUED
    assert store.apply(claim).outcomes == [Outcome.APPLIED]
    assert store.apply(ended(store, id_)).outcomes == [Outcome.APPLIED]


def test_one_that_comes_while_the_attempt_before_still_runs_is_ahead_too(store: Store) -> None:
    claimed = store.claimed()
    assert store.apply(ended(store, claimed.id, 2, OTHER_ID)).outcomes == [Outcome.AHEAD]
    store.send(Release, claimed)
    assert store.apply(ended(store, claimed.id, 2, OTHER_ID)).outcomes == [Outcome.AHEAD]


def test_a_job_that_an_operator_ended_first_tells_its_worker_so(store: Store) -> None:
    id_ = store.create()
    store.operate(id_, move=Move.CANCEL)
    outcomes = store.apply(claim_of(store, id_), ended(store, id_)).outcomes
    assert outcomes == [Outcome.CANCELLED] * 2
    assert store.job(id_).status is Status.CANCELLED


def test_one_that_was_silenced_meanwhile_is_in_hand_all_the_same(store: Store) -> None:
    id_ = store.create()
    store.operate(id_, silenced=True)
    assert store.apply(claim_of(store, id_)).outcomes == [Outcome.APPLIED]
    assert (store.job(id_).status, store.job(id_).silenced) == (Status.RUNNING, False)
    assert store.depths() == {"running": 1}


def test_of_a_job_without_a_row_it_says_so(store: Store) -> None:
    id_ = IdMaker().make(1, store.clock())[0]
    assert store.apply(claim_of(store, id_)).outcomes == [Outcome.NOT_FOUND]


def test_in_whatever_order_they_come_again_the_result_is_applied_once(store: Store) -> None:
    """Returned messages come back scrambled: whoever is ahead is sent again, behind the others."""
    for order in itertools.permutations(range(3)):
        id_ = store.create()
        extend = Extend(id_, store.clock(), CLAIM_ID, 1, progress='"half"')
        writes: list[Write] = [claim_of(store, id_), extend, ended(store, id_)]
        going = [writes[i] for i in order]
        for _ in range(3):
            outcomes = [store.apply(one).outcomes[0] for one in going]
            pairs = zip(going, outcomes, strict=True)
            going = [one for one, outcome in pairs if outcome is Outcome.AHEAD]
        assert going == []
        assert (store.job(id_).status, store.job(id_).attempt) == (Status.SUCCEEDED, 1)
