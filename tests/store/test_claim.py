"""Claiming: the top picks of a queue, in order, each to one worker."""

import random
from collections.abc import Callable

import pytest

from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.states import Move, Status
from jobhopper_core.model.writes import Extend, Fail, Release, Succeed
from jobhopper_core.store import queues
from jobhopper_core.store.claim import claim
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.transaction import Transaction

from .steps import SECOND, START, BrokenInto, Store


def test_jobs_are_handed_out_by_priority_then_date_then_id(store: Store) -> None:
    places = [(p, d) for p in (0, 1, 5, 9) for d in (0, 1_000, 2_000) for _ in range(3)]
    random.Random(7).shuffle(places)
    made = [(p, d, store.create(priority=p, run_at=START - SECOND + d)) for p, d in places]
    assert [job.id for job in store.claim(100)] == [id_ for _, _, id_ in sorted(made)]


def test_priority_comes_before_any_date(store: Store) -> None:
    old = store.create(priority=1, run_at=0)
    urgent = store.create(priority=0)
    assert [job.id for job in store.claim(2)] == [urgent, old]


def test_a_claimed_job_is_all_that_a_worker_needs(store: Store) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    id_ = store.create(type="welcome", payload="[1]", priority=3, traceparent=trace)
    (claimed,) = store.claim(lease=90)
    assert claimed == ClaimedJob(
        id=id_,
        queue="mail",
        type="welcome",
        payload="[1]",
        priority=3,
        run_at=START,
        attempt=1,
        max_attempts=5,
        progress=None,
        created_at=START,
        traceparent=trace,
        claim_id=claimed.claim_id,
        lease_until=START + 90 * SECOND,
        claimed_at=START,
    )
    assert len(bytes.fromhex(claimed.claim_id)) == 16


def test_a_claim_is_written_to_the_job(store: Store) -> None:
    id_ = store.create()
    store.clock.advance(5)
    store.claim(lease=90, worker="w7")
    job = store.job(id_)
    assert (job.status, job.attempt, job.worker) == (Status.RUNNING, 1, "w7")
    assert (job.lease_until, job.updated_at) == (store.clock() + 90 * SECOND, store.clock())
    assert (job.failures, job.finished_at) == (0, None)
    assert store.depths() == {"running": 1}


def test_every_claim_raises_the_attempt_and_has_an_id_of_its_own(store: Store) -> None:
    store.create()
    claims = []
    for _ in range(4):
        (claimed,) = store.claim()
        claims.append(claimed)
        store.send(Release, claimed)
    assert [claimed.attempt for claimed in claims] == [1, 2, 3, 4]
    assert len({claimed.claim_id for claimed in claims}) == 4


def test_several_demands_are_served_first_come_first_served(store: Store) -> None:
    made = [store.create() for _ in range(5)]
    demands = [Demand(2, SECOND, "a"), Demand(2, 2 * SECOND, "b"), Demand(3, None, "c")]
    handout = store.hand_out("mail", *demands, Demand(1, None, "d"))
    assert [[job.id for job in jobs] for jobs in handout.jobs] == [
        made[0:2],
        made[2:4],
        made[4:5],
        [],
    ]
    assert [store.job(id_).worker for id_ in made] == ["a", "a", "b", "b", "c"]
    leases = [job.lease_until - START for jobs in handout.jobs for job in jobs]
    assert leases == [SECOND, SECOND, 2 * SECOND, 2 * SECOND, 60 * SECOND]


def test_a_demand_without_a_lease_takes_that_of_the_queue(store: Store) -> None:
    store.set_queue(lease=7)
    store.create()
    ((claimed,),) = store.hand_out("mail", Demand(1, None, None)).jobs
    assert claimed.lease_until == START + 7 * SECOND
    assert store.job(claimed.id).worker is None


@pytest.mark.parametrize(("asked", "left"), [(2, True), (3, True), (4, False)])
def test_a_handout_says_whether_more_may_be_ready(store: Store, asked: int, left: bool) -> None:
    for _ in range(3):
        store.create()
    assert store.hand_out("mail", Demand(asked, None, None)).left is left


def test_a_paused_queue_hands_out_nothing_until_it_goes_on(store: Store) -> None:
    id_ = store.create()
    store.set_queue(paused=True)
    assert store.hand_out("mail", Demand(1, None, None), Demand(1, None, None)).jobs == [[], []]
    assert store.job(id_).status is Status.QUEUED
    store.set_queue(paused=False)
    assert [job.id for job in store.claim()] == [id_]


def test_a_silenced_job_is_not_handed_out_until_it_is_unsilenced(store: Store) -> None:
    hidden, open_ = store.create(priority=0), store.create()
    store.operate(hidden, silenced=True)
    assert [job.id for job in store.claim(5)] == [open_]
    store.operate(hidden, silenced=False)
    assert [job.id for job in store.claim(5)] == [hidden]


def test_only_queued_jobs_are_handed_out(store: Store) -> None:
    store.create(run_at=START + SECOND)
    done, failed, cancelled, _running = [store.claimed() for _ in range(4)]
    store.send(Succeed, done)
    store.send(Fail, failed, retry=False)
    store.operate(cancelled.id, move=Move.CANCEL)
    assert store.claim(10) == []


def test_a_queue_hands_out_its_own_jobs_alone(store: Store) -> None:
    store.create("a")
    b = store.create("b")
    assert [job.id for job in store.claim(5, queue="b")] == [b]
    assert store.depths("a") == {"queued": 1}


def test_an_unknown_queue_is_empty_and_exists_from_then_on(store: Store) -> None:
    assert store.claim(queue="new") == []
    assert store.read(lambda tx: queues.read(tx, "new")) == queues.QueueSettings()


def test_a_job_that_comes_back_brings_its_progress_along(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, progress='{"done": 40}')
    store.send(Release, claimed)
    assert [job.progress for job in store.claim()] == ['{"done": 40}']


# Another transaction comes in after the candidates were read: what decides is the compare-and-set.


def claim_between(store: Store, other: Callable[[Transaction], object], jobs: int = 3) -> list[str]:
    """What a claimer is handed whose candidates are stale when it writes."""

    def verb(tx: Transaction) -> list[ClaimedJob]:
        broken = BrokenInto(tx, "update_matching", other)
        return claim(broken, "mail", [Demand(jobs, None, "late")]).jobs[0]

    return [job.id for job in store.write(verb)]


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_of_two_claimers_with_the_same_candidates_each_job_goes_to_one(
    store: Store, first: int
) -> None:
    made = [store.create() for _ in range(3)]
    early: list[ClaimedJob] = []

    def other(tx: Transaction) -> None:
        early.extend(claim(tx, "mail", [Demand(first, None, "early")]).jobs[0])

    late = claim_between(store, other)
    assert ([job.id for job in early], late) == (made[:first], made[first:])
    owners = [store.job(id_).worker for id_ in made]
    assert owners == ["early"] * first + ["late"] * (3 - first)
    assert [store.job(id_).attempt for id_ in made] == [1, 1, 1]


def test_a_job_claimed_and_given_back_in_between_is_not_handed_out_under_an_old_attempt(
    store: Store,
) -> None:
    made = [store.create() for _ in range(2)]

    def other(tx: Transaction) -> None:
        ((claimed,),) = claim(tx, "mail", [Demand(1, None, "early")]).jobs
        store.applying(store.update(Release, claimed))(tx)

    assert claim_between(store, other) == made[1:]
    assert (store.job(made[0]).status, store.job(made[0]).attempt) == (Status.QUEUED, 1)


@pytest.mark.parametrize("order", [Order(silenced=True), Order(move=Move.CANCEL)])
def test_a_job_silenced_or_cancelled_in_between_is_not_handed_out(
    store: Store, order: Order
) -> None:
    made = [store.create() for _ in range(2)]
    assert claim_between(store, lambda tx: operate(tx, made[0], order)) == made[1:]
    assert store.job(made[0]).attempt == 0
