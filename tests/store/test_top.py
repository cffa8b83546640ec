"""Peeking at a queue: what would be claimed next, and how long it has waited."""

import pytest

from jobhopper_core.model.states import Move
from jobhopper_core.model.writes import Fail
from jobhopper_core.store.look_up import oldest_ready, top

from .steps import SECOND, START, Store


def peek(store: Store, n: int, queue: str = "mail") -> list[str]:
    return [job.id for job in store.read(lambda tx: top(tx, queue, n))]


def oldest(store: Store, queue: str = "mail") -> int | None:
    return store.read(lambda tx: oldest_ready(tx, queue))


def test_the_top_is_what_a_claim_would_hand_out_in_that_order(store: Store) -> None:
    for n in range(30):
        store.create(priority=n % 4, run_at=START - (n * 7 % 5) * SECOND)
    picks = peek(store, 10)
    assert len(picks) == 10
    assert picks == [job.id for job in store.claim(10)]


def test_peeking_changes_nothing_and_shows_the_payload(store: Store) -> None:
    id_ = store.create(payload='"p"')
    before = store.job(id_)
    assert store.read(lambda tx: top(tx, "mail", 5)) == [before]
    assert store.job(id_) == before
    assert before.payload == '"p"'


def test_only_what_can_be_claimed_is_at_the_top(store: Store) -> None:
    store.claimed()
    store.create(run_at=START + SECOND)
    store.create("sms")
    silenced, cancelled, ready = (store.create() for _ in range(3))
    store.operate(silenced, silenced=True)
    store.operate(cancelled, move=Move.CANCEL)
    assert peek(store, 10) == [ready]


def test_a_paused_queue_can_still_be_looked_at(store: Store) -> None:
    id_ = store.create()
    store.set_queue(paused=True)
    assert peek(store, 5) == [id_]


def test_an_empty_queue_has_no_top_and_nothing_waits_in_it(store: Store) -> None:
    store.claimed()
    store.create(run_at=START + SECOND)
    assert (peek(store, 5), oldest(store)) == ([], None)
    assert (peek(store, 5, "none"), oldest(store, "none")) == ([], None)


@pytest.mark.parametrize("priority", range(10))
def test_the_longest_wait_is_found_at_every_priority(store: Store, priority: int) -> None:
    store.create(priority=priority)
    store.clock.advance(10)
    for other in range(10):
        store.create(priority=other)
    assert oldest(store) == START


def test_a_job_waits_from_its_creation_however_old_its_date(store: Store) -> None:
    store.create(run_at=0)
    assert oldest(store) == START


def test_a_promoted_or_retried_job_waits_from_its_date(store: Store) -> None:
    claimed = store.claimed()
    store.send(Fail, claimed)
    store.clock.advance(20)
    store.promote()
    assert oldest(store) == START + 5 * SECOND


def test_a_silenced_job_does_not_wait(store: Store) -> None:
    id_ = store.create()
    store.operate(id_, silenced=True)
    assert oldest(store) is None
