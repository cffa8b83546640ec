"""An operator's change to one job: checked, done and answered in one transaction."""

from typing import NamedTuple

from jobhopper_core.errors import NotFoundError, RunningError, WrongStatusError
from jobhopper_core.model import ids, transitions
from jobhopper_core.model.states import FINAL, Move, Status, target
from jobhopper_core.model.transitions import JobState
from jobhopper_core.store.find import find
from jobhopper_core.store.save import Effects, change, save
from jobhopper_core.store.transaction import Transaction


class Order(NamedTuple):
    """What an operator wants of a job; None leaves as it is. `run_at` in µs since 1970."""

    move: Move | None = None
    silenced: bool | None = None
    priority: int | None = None
    run_at: int | None = None


def operate(tx: Transaction, job_id: str, order: Order) -> Effects:
    """Carries out all of `order` or, where a part of it can't be, nothing.

    Raises NotFoundError, RunningError, or WrongStatusError.
    """
    job = find(tx, [job_id]).get(job_id)
    if job is None:
        raise NotFoundError(f"There is no job {job_id}.")
    one = change(job)
    now = tx.now()
    _move(one.after, order.move, now)
    _reorder(one.after, order, now)
    _silence(one.after, order.silenced, now)
    return save(tx, [one])


def erase(tx: Transaction, job_id: str) -> Effects:
    """Removes what may be personal data (payload, result, error, progress) and keeps the row.

    Raises NotFoundError, or RunningError.
    """
    job = find(tx, [job_id]).get(job_id)
    if job is None:
        raise NotFoundError(f"There is no job {job_id}.")
    _refuse_running(job, "be erased")
    one = change(job)
    one.after.bodies = dict.fromkeys(("payload", "result", "error", "progress"))
    one.after.updated_at = max(job.updated_at, tx.now())
    effects = save(tx, [one])
    tx.run("UPDATE job_attempts SET error = NULL WHERE job_id = ?", (ids.raw(job_id),))
    return effects


def _move(job: JobState, move: Move | None, now: int) -> None:
    if move is None:
        return
    if target(move, job.status) is None:
        if move is Move.REDRIVE and job.status is Status.RUNNING:
            raise RunningError("A running job can't be redriven; cancel it first.")
        raise WrongStatusError(
            f"A job that is {job.status} can't be {_PAST[move]}; {_REMEDY[move]}"
        )
    _MOVES[move](job, now)


_MOVES = {Move.CANCEL: transitions.cancel, Move.REDRIVE: transitions.redrive}
_PAST = {Move.CANCEL: "cancelled", Move.REDRIVE: "redriven"}
_REMEDY = {
    Move.CANCEL: "only scheduled, queued and running jobs can.",
    Move.REDRIVE: "only failed and cancelled jobs can.",
}


def _reorder(job: JobState, order: Order, now: int) -> None:
    if order.priority is None and order.run_at is None:
        return
    if job.status in FINAL:
        raise WrongStatusError(
            f"A job that is {job.status} is in no queue; redrive it to run it again."
        )
    if order.priority is not None:
        transitions.set_priority(job, now, order.priority)
    if order.run_at is not None:
        _refuse_running(job, "be moved in time")
        transitions.set_run_at(job, now, now, order.run_at)


def _silence(job: JobState, silenced: bool | None, now: int) -> None:
    if silenced is None or silenced == job.silenced:
        return
    if silenced:
        _refuse_running(job, "be silenced")
    transitions.set_silenced(job, now, silenced=silenced)


def _refuse_running(job: JobState, what: str) -> None:
    if job.status is Status.RUNNING:
        raise RunningError(f"A running job can't {what}; cancel it first or wait for its end.")
