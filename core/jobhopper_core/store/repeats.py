"""Recognises an update that has been applied already.

A worker whose connection broke sends its update again. It must not be told that it lost the
job when it was its own first try that ended the claim.
"""

from jobhopper_core.model import ids
from jobhopper_core.model.states import Status
from jobhopper_core.model.writes import Ending, Fail, Release, Succeed, Update
from jobhopper_core.store.save import Change
from jobhopper_core.store.transaction import Transaction


def is_repeat(tx: Transaction, one: Change, update: Update) -> bool:
    """Whether `update` says again what the same attempt of the job ended with."""
    match update:
        case Succeed():
            return _succeeded_alike(tx, one, update)
        case Fail():
            return (Ending.FAILED, update.error) in _endings(tx, one, update)
        case Release():
            return (Ending.RELEASED, None) in _endings(tx, one, update)
        case _:
            return False


def _succeeded_alike(tx: Transaction, one: Change, update: Succeed) -> bool:
    job = one.after
    if job.status is not Status.SUCCEEDED or job.attempt != update.attempt:
        return False
    if "result" in job.bodies:
        return job.bodies["result"] == update.result
    rows = tx.read("SELECT result FROM jobs WHERE id = ?", (ids.raw(job.id),))
    return bool(rows[0][0] == update.result)


def _endings(tx: Transaction, one: Change, update: Update) -> set[tuple[str, str | None]]:
    in_batch = {(e.outcome.value, e.error) for e in one.ended if e.attempt == update.attempt}
    rows = tx.read(
        "SELECT outcome, error FROM job_attempts WHERE job_id = ? AND attempt = ?",
        (ids.raw(update.id), update.attempt),
    )
    return in_batch | {(row[0], row[1]) for row in rows}
