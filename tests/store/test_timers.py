"""The timers: leases that ran out, and scheduled jobs whose time has come."""

import pytest

from jobhopper_core.model.queue import Backoff
from jobhopper_core.model.states import Move, Status
from jobhopper_core.model.writes import Extend, Fail, Succeed
from jobhopper_core.store.expire import ERROR, expire
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.promote import promote
from jobhopper_core.store.transaction import Transaction

from .steps import SECOND, SHARDS, START, BrokenInto, Store


def test_an_expired_lease_is_a_failure_like_any_other(store: Store) -> None:
    claimed = store.claimed()
    store.clock.now = at = START + 60 * SECOND + 1
    assert store.expire() == {"mail": 1}
    job = store.job(claimed.id)
    assert (job.status, job.failures, job.attempt) == (Status.SCHEDULED, 1, 1)
    assert (job.run_at, job.updated_at) == (START + 65 * SECOND, at)
    assert (job.lease_until, job.error) == (None, ERROR)
    assert [tuple(attempt) for attempt in store.attempts(claimed.id)] == [
        (1, "expired", ERROR, "w1", START, at)
    ]


@pytest.mark.parametrize(("late", "expires"), [(-1, False), (0, False), (1, True)])
def test_a_lease_expires_only_once_it_has_ended(store: Store, late: int, expires: bool) -> None:
    claimed = store.claimed()
    assert store.expire(before=claimed.lease_until + late) == ({"mail": 1} if expires else {})


def test_a_heartbeat_puts_the_expiry_off(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, until=START + 120 * SECOND)
    store.clock.advance(61)
    assert store.expire() == {}
    store.clock.advance(60)
    assert store.expire() == {"mail": 1}


def test_an_expiry_waits_by_the_queues_backoff_and_chance(store: Store) -> None:
    store.set_queue(backoff=Backoff(base=100.0, factor=1.0, max=1000.0, jitter=0.5))
    claimed = store.claimed()
    store.clock.advance(61)
    store.chance = 0.0
    store.expire()
    assert store.job(claimed.id).run_at == store.clock() + 50 * SECOND


def test_an_expiry_without_backoff_queues_the_job_at_once(store: Store) -> None:
    store.set_queue(backoff=Backoff(base=0.0))
    store.claimed()
    store.clock.advance(61)
    store.expire()
    assert store.depths() == {"queued": 1}


def test_the_last_attempt_that_expires_fails_the_job(store: Store) -> None:
    claimed = store.claimed(max_attempts=1)
    store.clock.advance(61)
    shard = int(claimed.id[-2:], 16) % SHARDS
    _, effects = store.write(lambda tx: expire(tx, shard, store.clock(), 10, lambda: 0.5))
    job = store.job(claimed.id)
    assert (job.status, job.failures, job.error) == (Status.FAILED, 1, ERROR)
    assert (job.finished_at, effects.finished) == (store.clock(), {claimed.id})


def test_what_has_ended_already_does_not_expire(store: Store) -> None:
    done, failed, cancelled = (store.claimed() for _ in range(3))
    store.send(Succeed, done)
    store.send(Fail, failed, retry_in=3600 * SECOND)
    store.operate(cancelled.id, move=Move.CANCEL)
    store.create()
    store.clock.advance(61)
    assert store.expire() == {}


def test_expiry_counts_each_queue_and_is_harmless_twice(store: Store) -> None:
    for queue in ("a", "b", "a"):
        store.claimed(queue)
    store.clock.advance(61)
    assert store.expire() == {"a": 2, "b": 1}
    assert store.expire() == {}


def test_the_leases_that_ended_first_expire_first(store: Store) -> None:
    new = [store.new(id=id_) for id_ in store.ids(3)]  # one request, so one shard
    store.apply(*new)
    leases = {lease: store.claim(lease=lease)[0].id for lease in (30, 10, 20)}
    store.clock.advance(61)
    assert store.expire(limit=2) == {"mail": 2}
    assert store.job(leases[30]).status is Status.RUNNING
    assert store.expire(limit=2) == {"mail": 1}


def test_a_shards_timer_touches_no_other_shard(store: Store) -> None:
    ids = [store.create(run_at=START + SECOND) for _ in range(40)]
    store.clock.advance(1)
    promoted, _ = store.write(lambda tx: promote(tx, 2, 1000))
    queued = {id_ for id_ in ids if store.job(id_).status is Status.QUEUED}
    assert queued == {id_ for id_ in ids if int(id_[-2:], 16) % SHARDS == 2}
    assert promoted == len(queued)


@pytest.mark.parametrize(("early", "promoted"), [(1, 0), (0, 1), (-1, 1)])
def test_a_scheduled_job_is_queued_once_its_time_has_come(
    store: Store, early: int, promoted: int
) -> None:
    id_ = store.create(run_at=START + SECOND)
    store.clock.now = START + SECOND - early
    assert store.promote() == promoted
    job = store.job(id_)
    assert job.status is (Status.QUEUED if promoted else Status.SCHEDULED)
    assert job.run_at == START + SECOND
    assert job.updated_at == (store.clock() if promoted else START)


def test_promotion_tells_which_queues_have_something_to_hand_out(store: Store) -> None:
    id_ = store.create("later", run_at=START + SECOND)
    store.clock.advance(1)
    shard = int(id_[-2:], 16) % SHARDS
    promoted, effects = store.write(lambda tx: promote(tx, shard, 10))
    assert (promoted, effects.ready) == (1, {"later"})
    assert store.write(lambda tx: promote(tx, shard, 10))[0] == 0


def test_the_jobs_that_were_due_first_are_promoted_first(store: Store) -> None:
    ids = store.ids(3)
    ahead = dict(zip(ids, (3, 1, 2), strict=True))
    store.apply(*(store.new(id=i, run_at=START + s * SECOND) for i, s in ahead.items()))
    store.clock.advance(5)
    assert store.promote(limit=2) == 2
    assert [store.job(id_).status for id_ in ids] == [
        Status.SCHEDULED,
        Status.QUEUED,
        Status.QUEUED,
    ]


def test_a_retry_comes_back_when_its_wait_is_over(store: Store) -> None:
    claimed = store.claimed()
    store.send(Fail, claimed)
    store.clock.advance(4.9)
    assert (store.promote(), store.claim()) == (0, [])
    store.clock.advance(0.1)
    assert store.promote() == 1
    assert [(job.id, job.attempt) for job in store.claim()] == [(claimed.id, 2)]


def test_a_silenced_job_has_no_timer_until_it_is_unsilenced(store: Store) -> None:
    id_ = store.create(run_at=START + SECOND)
    store.operate(id_, silenced=True)
    store.clock.advance(60)
    assert store.promote() == 0
    store.operate(id_, silenced=False)
    assert (store.job(id_).status, store.promote()) == (Status.SCHEDULED, 1)


def test_a_job_that_is_moved_after_it_was_found_due_is_left_alone(store: Store) -> None:
    id_ = store.create(run_at=START + SECOND)
    store.clock.advance(1)
    shard = int(id_[-2:], 16) % SHARDS
    later = Order(run_at=START + 99 * SECOND)

    def verb(tx: Transaction) -> int:
        return promote(BrokenInto(tx, "read_in", lambda o: operate(o, id_, later)), shard, 10)[0]

    assert store.write(verb) == 0
    assert store.job(id_).status is Status.SCHEDULED


def test_a_lease_that_is_extended_after_it_was_found_expired_stays(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(61)
    shard = int(claimed.id[-2:], 16) % SHARDS
    beat = store.applying(store.update(Extend, claimed, until=START + 99 * SECOND))

    def verb(tx: Transaction) -> dict[str, int]:
        broken = BrokenInto(tx, "read_in", beat)
        return expire(broken, shard, store.clock(), 10, lambda: 0.5)[0]

    assert store.write(verb) == {}
    assert store.job(claimed.id).status is Status.RUNNING
