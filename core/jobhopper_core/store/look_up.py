"""Reads one job, and the top picks of a queue."""

from jobhopper_core.errors import NotFoundError
from jobhopper_core.model import ids
from jobhopper_core.model.job import Attempt, Job
from jobhopper_core.store import columns
from jobhopper_core.store.transaction import Transaction


def look_up(tx: Transaction, job_id: str) -> tuple[Job, list[Attempt]]:
    """A job and its unsuccessful attempts, oldest first. Raises NotFoundError."""
    key = (ids.raw(job_id),)
    rows = tx.read(f"SELECT {columns.WHOLE} FROM jobs WHERE id = ?", key)  # noqa: S608
    if not rows:
        raise NotFoundError(f"There is no job {job_id}.")
    attempts = tx.read(
        "SELECT attempt, outcome, error, worker, started_at, ended_at "
        "FROM job_attempts WHERE job_id = ? ORDER BY attempt",
        key,
    )
    return columns.job(rows[0]), [Attempt(*row) for row in attempts]


def exists(tx: Transaction, job_id: str) -> bool:
    """Whether the database has the job."""
    return bool(tx.read("SELECT 1 FROM jobs WHERE id = ?", (ids.raw(job_id),)))


def top(tx: Transaction, queue: str, n: int) -> list[Job]:
    """The `n` jobs of `queue` that would be claimed next, in that order."""
    rows = tx.read(
        f"SELECT {columns.WHOLE} FROM jobs WHERE ready_queue = ? "  # noqa: S608
        "ORDER BY priority, run_at, id LIMIT ?",
        (queue, n),
    )
    return [columns.job(row) for row in rows]


def oldest_ready(tx: Transaction, queue: str) -> int | None:
    """Since when (µs) the longest-waiting ready job of `queue` can be claimed, or None.

    Ten look-ups in the ready index, one a priority; no scan.
    """
    one = (
        "SELECT * FROM (SELECT run_at, created_at FROM jobs WHERE ready_queue = ? "
        "AND priority = {} ORDER BY run_at LIMIT 1) p{}"
    )
    sql = " UNION ALL ".join(one.format(priority, priority) for priority in range(10))
    since = [max(run_at, created_at) for run_at, created_at in tx.read(sql, (queue,) * 10)]
    return min(since) if since else None
