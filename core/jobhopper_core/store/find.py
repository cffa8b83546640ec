"""Reads the states of jobs that a verb is about to change."""

from collections.abc import Iterable, Sequence

from jobhopper_core.model import ids
from jobhopper_core.model.transitions import JobState
from jobhopper_core.store import columns
from jobhopper_core.store.transaction import Transaction


def find(tx: Transaction, job_ids: Iterable[str]) -> dict[str, JobState]:
    """The states of `job_ids` by id, locked in id order; ids without a row are left out."""
    return _states(tx, job_ids, tx.dialect.for_update)


def peek(tx: Transaction, job_ids: Iterable[str]) -> dict[str, JobState]:
    """As `find`, without locks: for who only wants to know."""
    return _states(tx, job_ids, "")


def _states(tx: Transaction, job_ids: Iterable[str], lock: str) -> dict[str, JobState]:
    keys: Sequence[bytes] = sorted(ids.raw(id_) for id_ in set(job_ids))
    select = f"SELECT {columns.STATE} FROM jobs"  # noqa: S608
    tail = f" ORDER BY id{lock}"
    found = (columns.state(row) for row in tx.read_in(select, "id", keys, tail))
    return {job.id: job for job in found}
