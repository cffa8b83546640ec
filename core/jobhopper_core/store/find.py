"""Reads the states of jobs that a verb is about to change."""

from collections.abc import Iterable, Sequence

from jobhopper_core.model import ids
from jobhopper_core.model.transitions import JobState
from jobhopper_core.store import columns
from jobhopper_core.store.transaction import Transaction


def find(tx: Transaction, job_ids: Iterable[str]) -> dict[str, JobState]:
    """The states of `job_ids` by id, locked in id order; ids without a row are left out."""
    keys: Sequence[bytes] = sorted(ids.raw(id_) for id_ in set(job_ids))
    select = f"SELECT {columns.STATE} FROM jobs"  # noqa: S608
    tail = f" ORDER BY id{tx.dialect.for_update}"
    found = (columns.state(row) for row in tx.read_in(select, "id", keys, tail))
    return {job.id: job for job in found}
