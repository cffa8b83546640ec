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
# Rows of one statement: no more than 64 MiB of the largest payloads.
_PIECE = 250


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


class Page(NamedTuple):
    """Queued jobs in their order; `complete` says that none come after them."""

    jobs: list[ReadyJob]
    complete: bool


def next_ready(
    tx: Transaction, queue: str, limit: int, at: Position | None, most_bytes: int
) -> Page:
    """Up to `limit` queued jobs from `at` on (None: from the start).

    A keyset read: where it begins costs nothing, however many were claimed before it. It ends
    early, with at least one job, once the bodies have `most_bytes`; piece by piece, so that a
    thousand large payloads are not read only to be thrown away.
    """
    found: list[ReadyJob] = []
    room, more = most_bytes, True
    while more and len(found) < limit and room > 0:
        size = min(_PIECE, limit - len(found))
        piece = ready_from(tx, queue, size, at)
        found += piece
        room -= sum(map(_bytes, piece))
        more = len(piece) == size
        if more:
            last = piece[-1]
            at = Position(last.priority, last.run_at, last.id, after=True)
    fitting = _fitting(found, most_bytes)
    return Page(fitting, complete=not more and len(fitting) == len(found))


def ready_from(tx: Transaction, queue: str, limit: int, at: Position | None) -> list[ReadyJob]:
    """Up to `limit` queued jobs from `at` on (None: from the start), whatever their size."""
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


def _fitting(jobs: Sequence[ReadyJob], most_bytes: int) -> list[ReadyJob]:
    fitting: list[ReadyJob] = []
    for job in jobs:
        most_bytes -= _bytes(job)
        if most_bytes < 0 and fitting:
            break
        fitting.append(job)
    return fitting


def _bytes(job: ReadyJob) -> int:
    # Characters stand in for bytes: a body is counted low by three quarters at the worst.
    return len(job.payload or "") + len(job.progress or "")


def ready_by_id(tx: Transaction, job_ids: Sequence[str]) -> list[ReadyJob]:
    """Those of `job_ids` that are queued and not silenced."""
    keys = sorted(ids.raw(id_) for id_ in job_ids)
    rows = tx.read_in(_SELECT, "id", keys, " AND ready_queue IS NOT NULL")
    return [_job(row) for row in rows]


def _key(at: Position) -> bytes:
    return ids.raw(at.id)


def _job(row: Row) -> ReadyJob:
    return ReadyJob._make((ids.text(row[0]), *row[1:]))
