"""Many threads on one database: what only one may get, exactly one gets."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier, Event
from typing import TypeVar

import pytest

from jobhopper_core.errors import ConflictError
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.queue import Backoff
from jobhopper_core.model.states import Move, Status
from jobhopper_core.model.writes import Fail, Outcome, Release, Succeed
from jobhopper_core.store import claim as taking
from jobhopper_core.store import queues
from jobhopper_core.store.idempotency import Reservation, reserve
from jobhopper_core.store.transaction import Transaction

from .steps import PATIENCE, START, Store

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of `calls`, which all begin at the same moment on threads of their own."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def place(job: ClaimedJob) -> tuple[int, int, str]:
    return job.priority, job.run_at, job.id


def test_of_twenty_thousand_jobs_each_goes_to_one_of_200_claimers_and_in_order(
    store: Store,
) -> None:
    jobs = 20_000
    for start in range(0, jobs, 2_000):
        batch = store.ids(2_000)
        store.apply(
            *(
                store.new(id=id_, priority=n % 3, run_at=START - (start * 7 + n * 13) % 997 * 1000)
                for n, id_ in enumerate(batch)
            )
        )

    def work() -> list[ClaimedJob]:
        mine: list[ClaimedJob] = []
        while claimed := store.claim(10):
            mine += claimed
        return mine

    handed = at_once(*[work] * 200)
    assert Counter(job.id for mine in handed for job in mine).most_common(1)[0][1] == 1
    assert sum(map(len, handed)) == jobs
    assert {job.attempt for mine in handed for job in mine} == {1}
    assert all(place(a) < place(b) for mine in handed for a, b in pairwise(mine))
    assert store.depths() == {"running": jobs}


def test_of_creates_with_the_same_ids_one_is_applied_each(store: Store) -> None:
    ids = store.ids(50)
    batches = [[store.new(id=id_, payload=str(n)) for id_ in ids] for n in range(16)]
    found = at_once(*(lambda b=batch: store.apply(*b).outcomes for batch in batches))
    won = [n for n, outcomes in enumerate(found) if outcomes == [Outcome.APPLIED] * 50]
    assert len(won) == 1
    assert all(
        outcomes == [Outcome.DUPLICATE] * 50 for n, outcomes in enumerate(found) if n not in won
    )
    assert {store.job(id_).payload for id_ in ids} == {str(won[0])}


def test_of_different_ends_of_one_claim_one_is_applied(store: Store) -> None:
    for _ in range(10):
        claimed = store.claimed()
        kinds = [Succeed, Fail, Release] * 4
        writes = [store.update(kind, claimed) for kind in kinds]
        found = at_once(*(lambda w=write: store.apply(w).outcomes[0] for write in writes))
        winners = {kind for kind, o in zip(kinds, found, strict=True) if o is Outcome.APPLIED}
        assert found.count(Outcome.APPLIED) == len(winners) == 1
        # The same again is a repeat; something else is told that it came too late.
        assert found.count(Outcome.DUPLICATE) == 3
        if store.job(claimed.id).status is Status.QUEUED:
            store.operate(claimed.id, move=Move.CANCEL)


def test_a_success_and_a_cancel_that_meet_agree_on_who_was_first(store: Store) -> None:
    for _ in range(20):
        claimed = store.claimed()

        def cancel(id_: str = claimed.id) -> str:
            try:
                store.operate(id_, move=Move.CANCEL)
            except ConflictError:
                return "refused"
            return "cancelled"

        success = store.update(Succeed, claimed)
        found = at_once(cancel, lambda s=success: store.apply(s).outcomes[0].value)
        status = store.job(claimed.id).status
        assert (status.value, found) in [
            ("succeeded", ["refused", "applied"]),
            ("cancelled", ["cancelled", "cancelled"]),
        ]


# In SQLite's one writer no answer is ever given up.
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_what_a_claim_won_is_not_told_before_its_commit_has_ended(store: Store) -> None:
    """Else a commit that a server goes on with, though its answer was given up, would be missed."""
    store.create()
    claimed: list[ClaimedJob] = []
    taken, asked, told = Event(), Event(), Event()

    def claim(tx: Transaction) -> None:
        claimed.extend(taking.claim(tx, "mail", [Demand(1, None, None)]).jobs[0])
        taken.set()
        asked.wait(PATIENCE)
        assert not told.wait(0.3), "told while the claim was under way"

    def ask() -> set[str]:
        taken.wait(PATIENCE)
        asked.set()
        won = store.read(lambda tx: taking.bearing(tx, [taking.Pick(0, None, claimed[0])]))
        told.set()
        return won

    _, won = at_once(lambda: store.write(claim), ask)
    assert won == {claimed[0].id}


def test_timers_and_claimers_that_meet_never_hand_a_job_out_twice(store: Store) -> None:
    store.set_queue(backoff=Backoff(base=0.0))
    made = [store.create(max_attempts=100) for _ in range(50)]
    handed: list[ClaimedJob] = []

    def claimer() -> None:
        while len(handed) < 500:
            handed.extend(store.claim(10, lease=1))

    def timer() -> None:
        while len(handed) < 500:
            store.clock.advance(2)
            store.expire()
            store.promote()

    at_once(claimer, claimer, claimer, timer, timer)
    assert len({(job.id, job.attempt) for job in handed}) == len(handed)
    # Jobs that are handed out together share a claim; no job sees the same one twice.
    assert len({(job.id, job.claim_id) for job in handed}) == len(handed)
    assert sum(store.job(id_).attempt for id_ in made) == len(handed)


def test_a_key_that_comes_many_times_at_once_stands_for_one_first_id(store: Store) -> None:
    wanted = [Reservation(b"k" * 32, id_, 1, b"b" * 32) for id_ in store.ids(32)]
    found = at_once(*(lambda w=one: store.write(lambda tx: reserve(tx, w)) for one in wanted))
    assert len(set(found)) == 1


def test_a_queue_that_is_named_many_times_at_once_is_made_once(store: Store) -> None:
    at_once(*[lambda: store.claim(queue="new")] * 32)
    assert [name for name, _ in store.read(lambda tx: queues.page(tx, "", 10))] == ["new"]
