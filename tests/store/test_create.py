"""Creating jobs: in order, all or nothing, once each."""

import pytest

from jobhopper_core.errors import NotFoundError, StoreDataError
from jobhopper_core.model.job import Job
from jobhopper_core.model.states import Status
from jobhopper_core.model.writes import Outcome, Succeed

from .steps import SECOND, START, Store

APPLIED, DUPLICATE = Outcome.APPLIED, Outcome.DUPLICATE


def test_a_new_job_has_what_was_sent_and_defaults_for_the_rest(store: Store) -> None:
    id_ = store.create("mail", type="welcome", payload='{"to": "x"}', priority=2, max_attempts=7)
    assert store.job(id_) == Job(
        id=id_,
        queue="mail",
        type="welcome",
        status=Status.QUEUED,
        priority=2,
        run_at=START,
        attempt=0,
        failures=0,
        max_attempts=7,
        silenced=False,
        worker=None,
        lease_until=None,
        created_at=START,
        updated_at=START,
        finished_at=None,
        error=None,
        progress=None,
        payload='{"to": "x"}',
        result=None,
    )
    assert store.attempts(id_) == []


@pytest.mark.parametrize(
    "payload",
    [
        "null",
        '{"b":1,"a":2,"a":3}',
        "123456789012345678901234567890.000000000000000000010",
        '"\\u0000 and \\ud83d\\ude00"',
        '"grüße, 世界, 🦗"',
        '{"quoted": "it\'s ? %s :name \\\\ \\""}',
        "[" * 64 + "]" * 64,
        '"' + "x" * (256 * 1024 - 2) + '"',
    ],
)
def test_a_payload_comes_back_as_the_text_that_was_sent(store: Store, payload: str) -> None:
    store.create(payload=payload)
    (claimed,) = store.claim()
    assert claimed.payload == store.job(claimed.id).payload == payload


def test_a_job_without_run_at_is_queued_by_the_time_of_its_creation(store: Store) -> None:
    store.clock.now = START + 1_999
    job = store.job(store.create())
    assert (job.status, job.created_at, job.run_at) == (Status.QUEUED, START + 1_999, START + 1_000)


@pytest.mark.parametrize("ahead", [1_000, SECOND, 3650 * 86_400 * SECOND])
def test_a_job_for_later_is_scheduled_and_not_handed_out(store: Store, ahead: int) -> None:
    id_ = store.create(run_at=START + ahead)
    assert (store.job(id_).status, store.job(id_).run_at) == (Status.SCHEDULED, START + ahead)
    assert store.claim() == []
    assert store.depths() == {"scheduled": 1}


@pytest.mark.parametrize("run_at", [START, START - 1_000, 0])
def test_a_run_at_that_has_come_is_kept_and_the_job_is_queued(store: Store, run_at: int) -> None:
    job = store.job(store.create(run_at=run_at))
    assert (job.status, job.run_at) == (Status.QUEUED, run_at)


def test_a_past_run_at_puts_a_job_before_older_ones(store: Store) -> None:
    older = store.create()
    urgent = store.create(run_at=START - 3600 * SECOND)
    assert [job.id for job in store.claim(2)] == [urgent, older]


def test_a_run_at_is_kept_to_the_millisecond(store: Store) -> None:
    past, later = store.create(run_at=START - 1), store.create(run_at=START + 5_999)
    assert (store.job(past).run_at, store.job(later).run_at) == (START - 1_000, START + 5_000)


def test_run_at_is_compared_with_the_database_clock_not_with_acceptance(store: Store) -> None:
    new = store.new(at=START - 10 * SECOND, run_at=START - 5 * SECOND)
    store.apply(new)
    assert store.job(new.id).status is Status.QUEUED


def test_the_jobs_of_a_request_are_handed_out_in_the_order_sent(store: Store) -> None:
    batch = [store.new(id=id_) for id_ in store.ids(1000)]
    assert store.apply(*batch).outcomes == [APPLIED] * 1000
    assert [job.id for job in store.claim(1000)] == [create.id for create in batch]


def test_a_batch_longer_than_one_statement_takes_goes_in_whole(store: Store) -> None:
    batch = [store.new(id=id_) for id_ in store.ids(2_500)]
    store.apply(*batch)
    assert store.apply(*batch).outcomes == [DUPLICATE] * 2_500
    assert store.depths() == {"queued": 2_500}


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_value_that_the_database_refuses_leaves_nothing_of_its_batch(
    store: Store, bad: int
) -> None:
    batch = [store.new() for _ in range(3)]
    batch[bad].priority = 10
    with pytest.raises(StoreDataError):
        store.apply(*batch)
    for create in batch:
        with pytest.raises(NotFoundError):
            store.job(create.id)
    assert store.depths() == {}


def test_an_id_that_comes_twice_in_a_batch_counts_once_and_the_first_wins(store: Store) -> None:
    id_ = store.ids(1)[0]
    first, second = store.new(id=id_, payload='"first"'), store.new(id=id_, payload='"second"')
    other = store.new()
    assert store.apply(first, second, other).outcomes == [APPLIED, DUPLICATE, APPLIED]
    assert store.job(id_).payload == '"first"'
    assert store.depths() == {"queued": 2}


def test_an_id_that_is_there_already_is_left_as_it_is(store: Store) -> None:
    claimed = store.claimed(payload='"first"')
    before = store.job(claimed.id)
    again = store.new("other", id=claimed.id, payload='"second"', priority=0)
    fresh = store.new()
    assert store.apply(again, fresh).outcomes == [DUPLICATE, APPLIED]
    assert store.job(claimed.id) == before
    assert store.depths("other") == {}


def test_a_finished_job_is_not_brought_back_by_its_create_sent_again(store: Store) -> None:
    new = store.new()
    store.apply(new)
    (claimed,) = store.claim()
    store.send(Succeed, claimed)
    assert store.apply(new).outcomes == [DUPLICATE]
    assert store.job(new.id).status is Status.SUCCEEDED


def test_effects_name_the_queues_that_have_something_new_to_hand_out(store: Store) -> None:
    applied = store.apply(
        store.new("a"), store.new("b"), store.new("a"), store.new("later", run_at=START + SECOND)
    )
    assert applied.effects.ready == {"a", "b"}
    assert applied.effects.finished == set()


def test_a_create_sent_again_has_no_effects(store: Store) -> None:
    new = store.new()
    store.apply(new)
    assert store.apply(new).effects.ready == set()


def test_an_empty_batch_does_nothing(store: Store) -> None:
    assert store.apply().outcomes == []
