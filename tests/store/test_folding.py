"""Several updates of one job in a batch fold into one row, with the effect of one by one."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobhopper_core.model.job import ClaimedJob
from jobhopper_core.model.states import Status
from jobhopper_core.model.writes import Extend, Fail, Outcome, Release, Succeed, Update
from jobhopper_core.store.apply import apply
from jobhopper_core.store.transaction import Transaction

from .steps import SECOND, START, Store

APPLIED, DUPLICATE, STALE = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.STALE_CLAIM
TIMES = st.integers(-5, 100).map(lambda seconds: START + seconds * SECOND)
PROGRESS = st.none() | st.sampled_from(["1", "2"])
TEXT = st.none() | st.sampled_from(['"x"', '"y"'])
SAYING = st.one_of(
    st.tuples(
        st.just(Extend),
        st.fixed_dictionaries({"at": TIMES, "until": st.none() | TIMES, "progress": PROGRESS}),
    ),
    st.tuples(
        st.just(Succeed), st.fixed_dictionaries({"at": TIMES, "result": TEXT, "progress": PROGRESS})
    ),
    st.tuples(
        st.just(Fail),
        st.fixed_dictionaries(
            {
                "at": TIMES,
                "error": TEXT,
                "retry_in": st.sampled_from([None, 0, 9 * SECOND]),
                "retry": st.booleans(),
                "progress": PROGRESS,
            }
        ),
    ),
    st.tuples(st.just(Release), st.fixed_dictionaries({"at": TIMES, "progress": PROGRESS})),
)


class Watched(Transaction):
    """A transaction that notes how many rows of `jobs` are written."""

    rows = 0

    def update_matching(self, table: str, values: Any, keys: Any, rows: Any) -> int:
        Watched.rows += len(rows) if table == "jobs" else 0
        return super().update_matching(table, values, keys, rows)


def test_heartbeats_and_the_end_of_a_claim_are_one_row(store: Store) -> None:
    claimed, other = store.claimed(), store.claimed()
    writes = [
        store.update(Extend, claimed, at=START + 1, until=START + 70 * SECOND),
        store.update(Extend, claimed, at=START + 3, progress="3"),
        store.update(Succeed, other),
        store.update(Extend, claimed, at=START + 2, progress="2"),
        store.update(Succeed, claimed, at=START + 4, result='"done"'),
        store.update(Extend, claimed, at=START + 5, progress="5"),
    ]

    def verb(tx: Transaction) -> list[Outcome]:
        Watched.rows = 0
        watched = Watched(tx.connection, tx.dialect, tx.slot)
        return apply(watched, writes, lambda: 0.5, 4).outcomes

    assert store.write(verb) == [APPLIED] * 5 + [Outcome.NOT_RUNNING]
    assert Watched.rows == 2
    job = store.job(claimed.id)
    assert (job.status, job.result, job.progress) == (Status.SUCCEEDED, '"done"', "3")
    assert (job.updated_at, job.finished_at) == (START + 4, START + 4)


def test_the_latest_end_of_several_heartbeats_counts(store: Store) -> None:
    claimed = store.claimed()
    store.apply(
        *(store.update(Extend, claimed, until=START + s * SECOND) for s in (70, 90, 80, 10))
    )
    assert store.job(claimed.id).lease_until == START + 90 * SECOND


def test_of_two_ends_in_a_batch_the_first_counts(store: Store) -> None:
    claimed = store.claimed()
    applied = store.apply(
        store.update(Release, claimed),
        store.update(Succeed, claimed),
        store.update(Fail, claimed),
        store.update(Release, claimed),
    )
    assert applied.outcomes == [APPLIED, STALE, STALE, DUPLICATE]
    assert store.job(claimed.id).status is Status.QUEUED
    assert store.endings(claimed.id) == [(1, "released")]


def test_outcomes_stand_in_the_order_of_the_writes_whatever_their_kinds(store: Store) -> None:
    one, two = store.claimed(), store.claimed()
    new = store.new()
    applied = store.apply(
        store.update(Succeed, two),
        new,
        store.update(Succeed, one),
        store.update(Fail, two),
        new,
        store.update(Succeed, one),
    )
    assert applied.outcomes == [
        APPLIED,
        APPLIED,
        APPLIED,
        Outcome.NOT_RUNNING,
        DUPLICATE,
        DUPLICATE,
    ]


def test_a_thousand_updates_of_as_many_jobs_are_one_batch(store: Store) -> None:
    store.apply(*(store.new(id=id_) for id_ in store.ids(1000)))
    claimed = store.claim(1000)
    kinds = [Succeed, Fail, Release, Extend] * 250
    writes = [store.update(kind, job) for kind, job in zip(kinds, claimed, strict=True)]
    assert store.apply(*writes).outcomes == [APPLIED] * 1000
    assert store.depths() == {"succeeded": 250, "scheduled": 250, "queued": 250, "running": 250}


def facts(store: Store, claimed: ClaimedJob) -> tuple[object, ...]:
    return (*store.job(claimed.id)[1:], store.attempts(claimed.id))


@given(said=st.lists(SAYING, min_size=1, max_size=6))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_batch_has_the_effect_of_its_updates_one_by_one(
    store: Store, said: list[tuple[type[Update], dict[str, Any]]]
) -> None:
    for left in store.claim(10):  # what the example before gave back
        store.send(Succeed, left)
    twins = [store.claimed(), store.claimed()]
    together, alone = ([store.update(kind, twin, **f) for kind, f in said] for twin in twins)
    in_batch = store.apply(*together)
    one_by_one = [store.apply(update) for update in alone]
    assert in_batch.outcomes == [outcome for one in one_by_one for outcome in one.outcomes]
    assert facts(store, twins[0]) == facts(store, twins[1])
    assert len(in_batch.effects.finished) == sum(len(one.effects.finished) for one in one_by_one)
