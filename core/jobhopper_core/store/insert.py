"""Inserts new jobs; those whose id is there already are left as they are."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from jobhopper_core.model import ids
from jobhopper_core.model.states import Status, initial
from jobhopper_core.model.times import floor_ms
from jobhopper_core.model.writes import Create
from jobhopper_core.store import counts
from jobhopper_core.store.save import ChangedMeanwhileError, Effects
from jobhopper_core.store.transaction import Transaction

_COLUMNS = (
    "id",
    "shard",
    "queue",
    "type",
    "status",
    "priority",
    "run_at",
    "max_attempts",
    "ready_queue",
    "due_at",
    "created_at",
    "updated_at",
    "traceparent",
    "payload",
)


class _NewRow(NamedTuple):
    key: bytes
    queue: str
    status: str
    ready_queue: str | None
    values: tuple[object, ...]


def insert(
    tx: Transaction, creates: Sequence[Create], now: int, shards: int
) -> tuple[set[str], Effects, counts.Deltas]:
    """Inserts `creates` (distinct ids); returns the ids that were new, and what follows."""
    rows = [_row(create, now, shards) for create in sorted(creates, key=lambda c: c.id)]
    new = _insert_rows(tx, rows)
    ready = [row for row in new if row.ready_queue is not None]
    deltas: counts.Deltas = Counter((row.queue, row.status) for row in new)
    return {ids.text(row.key) for row in new}, _effects(creates, ready), deltas


def _effects(creates: Sequence[Create], ready: Sequence[_NewRow]) -> Effects:
    keys = {ids.text(row.key) for row in ready}
    created = [create for create in creates if create.id in keys]
    return Effects(ready={row.queue for row in ready}, created=created)


def _insert_rows(tx: Transaction, rows: Sequence[_NewRow]) -> Sequence[_NewRow]:
    # Nearly always all are new, and how many went in says so. If not, it has to be known which
    # ones, since the counters must not count a row twice: the transaction runs again and looks.
    new = _missing(tx, rows) if tx.again else rows
    if tx.insert_new("jobs", _COLUMNS, [row.values for row in new]) != len(new):
        raise ChangedMeanwhileError
    return new


def _missing(tx: Transaction, rows: Sequence[_NewRow]) -> Sequence[_NewRow]:
    there = {row[0] for row in tx.read_in("SELECT id FROM jobs", "id", [r.key for r in rows])}
    return [row for row in rows if row.key not in there]


def _row(create: Create, now: int, shards: int) -> _NewRow:
    status = initial(create.run_at, now)
    run_at = floor_ms(create.at if create.run_at is None else create.run_at)
    queued = status is Status.QUEUED
    ready_queue = create.queue if queued else None
    key = ids.raw(create.id)
    values = (
        key,
        ids.shard(create.id, shards),
        create.queue,
        create.type,
        status.value,
        create.priority,
        run_at,
        create.max_attempts,
        ready_queue,
        None if queued else run_at,
        create.at,
        create.at,
        create.traceparent,
        create.payload,
    )
    return _NewRow(key, create.queue, status.value, ready_queue, values)
