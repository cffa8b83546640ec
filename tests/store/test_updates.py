"""What a worker's updates do to a job while its claim holds."""

import pytest

from jobhopper_core.model.queue import Backoff
from jobhopper_core.model.states import Status
from jobhopper_core.model.writes import Extend, Fail, Outcome, Release, Succeed

from .steps import SECOND, START, Store

APPLIED = Outcome.APPLIED


def test_a_success_ends_the_job_with_its_result(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(5)
    applied = store.apply(store.update(Succeed, claimed, result='{"a":1}'))
    job = store.job(claimed.id)
    assert applied.outcomes == [APPLIED]
    assert applied.effects.finished == {claimed.id}
    assert (job.status, job.result, job.error) == (Status.SUCCEEDED, '{"a":1}', None)
    assert (job.finished_at, job.updated_at, job.lease_until) == (START + 5 * SECOND,) * 2 + (None,)
    assert (job.attempt, job.worker, job.failures) == (1, "w1", 0)
    assert store.attempts(claimed.id) == []
    assert store.depths() == {"succeeded": 1}


def test_an_update_counts_from_when_it_was_accepted(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(30)
    store.send(Succeed, claimed, at=START + 2 * SECOND)
    job = store.job(claimed.id)
    assert (job.finished_at, job.updated_at) == (START + 2 * SECOND, START + 2 * SECOND)


def test_the_time_of_a_row_never_goes_back(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, at=START + 9 * SECOND, progress="1")
    store.send(Extend, claimed, at=START + 4 * SECOND, until=START + 99 * SECOND)
    assert store.job(claimed.id).updated_at == START + 9 * SECOND


def test_a_failure_waits_for_the_backoff_and_is_recorded(store: Store) -> None:
    claimed = store.claimed()
    store.clock.now = at = START + 7_123
    applied = store.apply(store.update(Fail, claimed, error='{"type": "x"}'))
    job = store.job(claimed.id)
    assert (job.status, job.failures, job.attempt) == (Status.SCHEDULED, 1, 1)
    assert (job.run_at, job.updated_at) == (START + 7_000 + 5 * SECOND, at)
    assert (job.error, job.finished_at, job.lease_until) == ('{"type": "x"}', None, None)
    assert applied.effects.finished == applied.effects.ready == set()
    assert [tuple(attempt) for attempt in store.attempts(claimed.id)] == [
        (1, "failed", '{"type": "x"}', "w1", START, at)
    ]
    assert store.depths() == {"scheduled": 1}


def test_a_success_after_a_failure_clears_the_error_and_keeps_the_record(store: Store) -> None:
    claimed = store.claimed()
    store.send(Fail, claimed, error='"boom"', retry_in=0)
    (second,) = store.claim()
    store.send(Succeed, second)
    job = store.job(claimed.id)
    assert (job.status, job.error, job.failures, job.attempt) == (Status.SUCCEEDED, None, 1, 2)
    assert store.endings(claimed.id) == [(1, "failed")]


def test_each_further_failure_waits_longer_by_the_queues_backoff(store: Store) -> None:
    store.set_queue(backoff=Backoff(base=2.0, factor=3.0, max=30.0, jitter=0.0))
    id_ = store.create(max_attempts=100)
    waits = []
    for _ in range(5):
        (claimed,) = store.claim()
        store.send(Fail, claimed)
        waits.append((store.job(id_).run_at - store.clock()) // SECOND)
        store.clock.advance(31)
        store.promote()
    assert waits == [2, 6, 18, 30, 30]


@pytest.mark.parametrize(
    ("chance", "wait"), [(0.0, 4_500_000), (0.5, 5_000_000), (0.75, 5_250_000)]
)
def test_chance_moves_a_retry_by_the_jitter(store: Store, chance: float, wait: int) -> None:
    claimed = store.claimed()
    store.chance = chance
    store.send(Fail, claimed)
    assert store.job(claimed.id).run_at == START + wait


def test_retry_in_stands_in_for_the_backoff(store: Store) -> None:
    claimed = store.claimed()
    store.send(Fail, claimed, retry_in=90 * SECOND)
    job = store.job(claimed.id)
    assert (job.status, job.run_at) == (Status.SCHEDULED, START + 90 * SECOND)


def test_a_retry_that_is_due_already_is_queued_at_once(store: Store) -> None:
    claimed = store.claimed()
    applied = store.apply(store.update(Fail, claimed, retry_in=0))
    assert (store.job(claimed.id).status, applied.effects.ready) == (Status.QUEUED, {"mail"})
    assert [job.id for job in store.claim()] == [claimed.id]


def test_a_failure_that_was_accepted_long_ago_is_queued_at_its_date(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(60)
    store.send(Fail, claimed, at=START + SECOND)
    job = store.job(claimed.id)
    assert (job.status, job.run_at) == (Status.QUEUED, START + 6 * SECOND)


def test_a_worker_may_say_that_another_attempt_is_of_no_use(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(1)
    applied = store.apply(store.update(Fail, claimed, error='"bad"', retry=False, retry_in=0))
    job = store.job(claimed.id)
    assert (job.status, job.failures, job.error) == (Status.FAILED, 1, '"bad"')
    assert job.finished_at == store.clock()
    assert applied.effects.finished == {claimed.id}
    assert store.depths() == {"failed": 1}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_job_fails_for_good_with_its_last_attempt(store: Store, most: int) -> None:
    id_ = store.create(max_attempts=most)
    statuses = []
    for _ in range(most):
        (claimed,) = store.claim()
        store.send(Fail, claimed, retry_in=0)
        statuses.append(store.job(id_).status)
    assert statuses == [Status.QUEUED] * (most - 1) + [Status.FAILED]
    assert store.claim() == []
    assert store.endings(id_) == [(n, "failed") for n in range(1, most + 1)]


def test_a_release_adds_no_failure_and_the_job_keeps_its_place(store: Store) -> None:
    first = store.claimed(max_attempts=1)
    behind = store.create()
    store.clock.advance(10)
    applied = store.apply(store.update(Release, first))
    job = store.job(first.id)
    assert (job.status, job.failures, job.run_at) == (Status.QUEUED, 0, START)
    assert (job.finished_at, job.lease_until, job.error) == (None, None, None)
    assert applied.effects.ready == {"mail"}
    assert store.endings(first.id) == [(1, "released")]
    assert [claimed.id for claimed in store.claim(2)] == [first.id, behind]


def test_a_heartbeat_extends_the_lease(store: Store) -> None:
    claimed = store.claimed()
    store.clock.advance(20)
    store.send(Extend, claimed, until=START + 80 * SECOND)
    job = store.job(claimed.id)
    assert (job.status, job.lease_until) == (Status.RUNNING, START + 80 * SECOND)
    assert (job.updated_at, job.attempt) == (store.clock(), 1)


@pytest.mark.parametrize("until", [0, START, START + 60 * SECOND - 1, None])
def test_a_heartbeat_never_shortens_the_lease(store: Store, until: int | None) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, until=until)
    assert store.job(claimed.id).lease_until == START + 60 * SECOND


def test_progress_is_kept_as_the_text_that_was_sent(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, progress='{"b":1,"a":1.0}')
    assert store.job(claimed.id).progress == '{"b":1,"a":1.0}'


def test_older_progress_never_overwrites_newer(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, at=START + 2, progress="2")
    assert store.send(Extend, claimed, at=START + 1, progress="1") is APPLIED
    assert store.job(claimed.id).progress == "2"


def test_of_two_reports_of_the_same_moment_the_later_one_stays(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, at=START + 2, progress="1")
    store.send(Extend, claimed, at=START + 2, progress="2")
    assert store.job(claimed.id).progress == "2"


def test_an_update_without_progress_leaves_it_as_it_is(store: Store) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, progress="1")
    store.send(Extend, claimed, at=START + 1, until=START + 99 * SECOND)
    assert store.job(claimed.id).progress == "1"


@pytest.mark.parametrize("update_type", [Succeed, Fail, Release])
def test_the_last_update_may_bring_progress_along(store: Store, update_type: type[Succeed]) -> None:
    claimed = store.claimed()
    store.send(update_type, claimed, progress='"all"')
    assert store.job(claimed.id).progress == '"all"'


@pytest.mark.parametrize("update_type", [Succeed, Fail, Release])
def test_older_progress_does_not_come_in_with_the_last_update_either(
    store: Store, update_type: type[Succeed]
) -> None:
    claimed = store.claimed()
    store.send(Extend, claimed, at=START + 5, progress='"newer"')
    store.send(update_type, claimed, at=START + 4, progress='"older"')
    assert store.job(claimed.id).progress == '"newer"'
