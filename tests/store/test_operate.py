"""What operators may do to a job in each status: the whole matrix, held against `states.py`."""

from typing import Any

import pytest

from jobhopper_core.errors import ConflictError, NotFoundError, RunningError, WrongStatusError
from jobhopper_core.model.states import FINAL, STATUSES, TRANSITIONS, Move, Status
from jobhopper_core.model.writes import Extend, Fail, Outcome, Succeed
from jobhopper_core.store.operate import erase

from .steps import SECOND, START, Store

AHEAD, PAST = START + 900 * SECOND, START - 900 * SECOND
REST = [status for status in STATUSES if status is not Status.RUNNING]
# A running job can't be silenced, so there is no such row.
ROWS = [(status, False) for status in STATUSES] + [(status, True) for status in REST]
each_row = pytest.mark.parametrize(("status", "silenced"), ROWS)


def a_job(store: Store, status: Status, silenced: bool) -> str:
    """A job in `status`, a minute before now."""
    if status is Status.SCHEDULED:
        id_ = store.create(run_at=START + 600 * SECOND)
    elif status is Status.QUEUED:
        id_ = store.create()
    else:
        claimed = store.claimed()
        id_ = claimed.id
        if status is Status.SUCCEEDED:
            store.send(Succeed, claimed, result='"r"')
        elif status is Status.FAILED:
            store.send(Fail, claimed, error='"e"', retry=False)
        elif status is Status.CANCELLED:
            store.operate(id_, move=Move.CANCEL)
    if silenced:
        store.operate(id_, silenced=True)
    store.clock.advance(60)
    assert (store.job(id_).status, store.job(id_).silenced) == (status, silenced)
    return id_


def refused(store: Store, id_: str, **order: Any) -> type[ConflictError]:
    before = store.job(id_)
    with pytest.raises(ConflictError) as raised:
        store.operate(id_, **order)
    assert store.job(id_) == before
    return type(raised.value)


@each_row
def test_cancel(store: Store, status: Status, silenced: bool) -> None:
    id_ = a_job(store, status, silenced)
    if (Move.CANCEL, status) not in TRANSITIONS:
        assert refused(store, id_, move=Move.CANCEL) is WrongStatusError
        return
    before = store.job(id_)
    effects = store.operate(id_, move=Move.CANCEL)
    now = store.clock()
    assert store.job(id_) == before._replace(
        status=Status.CANCELLED, finished_at=now, updated_at=now, lease_until=None
    )
    assert effects.finished == {id_}


@each_row
def test_redrive(store: Store, status: Status, silenced: bool) -> None:
    id_ = a_job(store, status, silenced)
    if (Move.REDRIVE, status) not in TRANSITIONS:
        running = status is Status.RUNNING
        assert refused(store, id_, move=Move.REDRIVE) is (
            RunningError if running else WrongStatusError
        )
        return
    before = store.job(id_)
    effects = store.operate(id_, move=Move.REDRIVE)
    now = store.clock()
    assert store.job(id_) == before._replace(
        status=Status.QUEUED,
        run_at=now - now % 1000,
        updated_at=now,
        finished_at=None,
        failures=0,
        silenced=False,
        error=None,
    )
    assert (effects.ready, effects.finished) == ({"mail"}, set())


@each_row
def test_silence(store: Store, status: Status, silenced: bool) -> None:
    id_ = a_job(store, status, silenced)
    before = store.job(id_)
    if status is Status.RUNNING:
        assert refused(store, id_, silenced=True) is RunningError
        return
    store.operate(id_, silenced=True)
    at = before.updated_at if silenced else store.clock()
    assert store.job(id_) == before._replace(silenced=True, updated_at=at)
    assert store.depths() == {"silenced": 1}


@each_row
def test_unsilence(store: Store, status: Status, silenced: bool) -> None:
    id_ = a_job(store, status, silenced)
    before = store.job(id_)
    effects = store.operate(id_, silenced=False)
    at = store.clock() if silenced else before.updated_at
    assert store.job(id_) == before._replace(silenced=False, updated_at=at)
    assert effects.ready == ({"mail"} if status is Status.QUEUED else set())
    assert store.depths() == {status.value: 1}


@each_row
def test_priority(store: Store, status: Status, silenced: bool) -> None:
    id_ = a_job(store, status, silenced)
    if status in FINAL:
        assert refused(store, id_, priority=1) is WrongStatusError
        return
    before = store.job(id_)
    store.operate(id_, priority=1)
    assert store.job(id_) == before._replace(priority=1, updated_at=store.clock())


@pytest.mark.parametrize(("run_at", "move"), [(AHEAD, Move.POSTPONE), (PAST, Move.ADVANCE)])
@each_row
def test_run_at(store: Store, status: Status, silenced: bool, run_at: int, move: Move) -> None:
    id_ = a_job(store, status, silenced)
    after = TRANSITIONS.get((move, status))
    if after is None:
        running = status is Status.RUNNING
        assert refused(store, id_, run_at=run_at) is (RunningError if running else WrongStatusError)
        return
    before = store.job(id_)
    effects = store.operate(id_, run_at=run_at)
    assert store.job(id_) == before._replace(status=after, run_at=run_at, updated_at=store.clock())
    assert effects.ready == ({"mail"} if after is Status.QUEUED and not silenced else set())


def test_a_run_at_of_this_very_moment_is_not_ahead(store: Store) -> None:
    id_ = store.create(run_at=START + 600 * SECOND)
    store.operate(id_, run_at=START)
    assert store.job(id_).status is Status.QUEUED


def test_an_operators_run_at_is_kept_to_the_millisecond_too(store: Store) -> None:
    id_ = store.create()
    store.operate(id_, run_at=AHEAD + 1_999)
    assert store.job(id_).run_at == AHEAD + 1_000


def test_an_order_of_several_parts_is_carried_out_whole(store: Store) -> None:
    id_ = store.create()
    store.operate(id_, priority=0, run_at=AHEAD, silenced=True)
    job = store.job(id_)
    assert (job.status, job.priority, job.run_at, job.silenced) == (
        Status.SCHEDULED,
        0,
        AHEAD,
        True,
    )


@pytest.mark.parametrize(
    ("status", "order"),
    [
        (Status.RUNNING, {"priority": 1, "run_at": AHEAD}),
        (Status.RUNNING, {"priority": 1, "silenced": True}),
        (Status.QUEUED, {"move": Move.CANCEL, "priority": 1}),
        (Status.SUCCEEDED, {"silenced": True, "priority": 1}),
    ],
)
def test_an_order_of_which_a_part_cannot_be_done_does_nothing(
    store: Store, status: Status, order: dict[str, Any]
) -> None:
    assert refused(store, a_job(store, status, silenced=False), **order)


def test_a_redriven_job_can_be_moved_by_the_same_order(store: Store) -> None:
    id_ = a_job(store, Status.FAILED, silenced=False)
    store.operate(id_, move=Move.REDRIVE, priority=0, run_at=AHEAD)
    job = store.job(id_)
    assert (job.status, job.priority, job.run_at) == (Status.SCHEDULED, 0, AHEAD)


def test_a_redriven_job_has_all_its_attempts_again_but_counts_on(store: Store) -> None:
    claimed = store.claimed(max_attempts=1)
    store.send(Fail, claimed)
    store.operate(claimed.id, move=Move.REDRIVE)
    (again,) = store.claim()
    assert again.attempt == 2
    store.send(Fail, again)
    assert store.job(claimed.id).status is Status.FAILED
    assert store.endings(claimed.id) == [(1, "failed"), (2, "failed")]


def test_a_running_job_may_change_its_priority_and_keeps_its_claim(store: Store) -> None:
    claimed = store.claimed()
    store.operate(claimed.id, priority=0)
    assert store.job(claimed.id).lease_until == claimed.lease_until
    assert store.send(Extend, claimed, progress="1") is Outcome.APPLIED


@pytest.mark.parametrize("order", [{"move": Move.CANCEL}, {"silenced": True}, {"priority": 1}, {}])
def test_an_order_for_no_job_is_told_so(store: Store, order: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError):
        store.operate(store.ids(1)[0], **order)


@each_row
def test_erase(store: Store, status: Status, silenced: bool) -> None:
    id_ = a_job(store, status, silenced)
    before = store.job(id_)
    if status is Status.RUNNING:
        with pytest.raises(RunningError):
            store.write(lambda tx: erase(tx, id_))
        assert store.job(id_) == before
        return
    store.write(lambda tx: erase(tx, id_))
    assert store.job(id_) == before._replace(
        payload=None, result=None, error=None, progress=None, updated_at=store.clock()
    )


def test_erasing_takes_the_errors_out_of_the_attempts_and_keeps_these(store: Store) -> None:
    claimed = store.claimed(payload='"private"')
    store.send(Fail, claimed, error='"private"', retry_in=0, progress='"private"')
    store.write(lambda tx: erase(tx, claimed.id))
    assert [tuple(a) for a in store.attempts(claimed.id)] == [
        (1, "failed", None, "w1", START, START)
    ]
    assert "private" not in repr(store.job(claimed.id))


def test_no_job_can_not_be_erased(store: Store) -> None:
    id_ = store.ids(1)[0]
    with pytest.raises(NotFoundError):
        store.write(lambda tx: erase(tx, id_))
