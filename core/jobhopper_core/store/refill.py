"""Reads the next queued jobs of a queue for the hopper, in the order they are handed out."""

from collections.abc import Sequence
from typing import NamedTuple

from jobhopper_core.model import ids
from jobhopper_core.store.dialect import Row
from jobhopper_core.store.transaction import Transaction

_SELECT = (
    "SELECT id, queue, type, payload, priority, run_at, attempt, max_attempts, progress, "
    "created_at, updated_at, traceparent FROM jobs"
)
_ORDER = " ORDER BY priority, run_at, id LIMIT ?"


class ReadyJob(NamedTuple):
    """A queued job with all that a claim hands out; times in µs, bodies JSON text."""

    id: str
    queue: str
    type: str
    payload: str | None
    priority: int
    run_at: int
    attempt: int
    max_attempts: int
    progress: str | None
    created_at: int
    updated_at: int
    traceparent: str | None


class Position(NamedTuple):
    """A place in a queue; with `after`, what stands at it is left out."""

    priority: int
    run_at: int
    id: str
    after: bool


def next_ready(tx: Transaction, queue: str, limit: int, at: Position | None) -> list[ReadyJob]:
    """Up to `limit` queued jobs from `at` on (None: from the start).

    A keyset read: where it begins costs nothing, however many were claimed before it.
    """
    if at is None:
        rows = tx.read(f"{_SELECT} WHERE ready_queue = ?{_ORDER}", (queue, limit))
        return [_job(row) for row in rows]
    # One range of the ready index a branch, so that no database has to guess.
    comparison = ">" if at.after else ">="
    branches = (
        (f"priority = ? AND run_at = ? AND id {comparison} ?", (at.priority, at.run_at, _key(at))),
        ("priority = ? AND run_at > ?", (at.priority, at.run_at)),
        ("priority > ?", (at.priority,)),
    )
    found: list[ReadyJob] = []
    for condition, parameters in branches:
        sql = f"{_SELECT} WHERE ready_queue = ? AND {condition}{_ORDER}"
        rows = tx.read(sql, (queue, *parameters, limit - len(found)))
        found += [_job(row) for row in rows]
        if len(found) == limit:
            break
    return found


def ready_by_id(tx: Transaction, job_ids: Sequence[str]) -> list[ReadyJob]:
    """Those of `job_ids` that are queued and not silenced."""
    keys = sorted(ids.raw(id_) for id_ in job_ids)
    rows = tx.read_in(_SELECT, "id", keys, " AND ready_queue IS NOT NULL")
    return [_job(row) for row in rows]


def _key(at: Position) -> bytes:
    return ids.raw(at.id)


def _job(row: Row) -> ReadyJob:
    return ReadyJob._make((ids.text(row[0]), *row[1:]))
