"""Puts many jobs into the database at once, past the services."""

import time
from functools import partial

from jobhopper_core.model.ids import IdMaker, raw, shard
from jobhopper_core.model.states import Status
from jobhopper_core.store import queues
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.transaction import Transaction

SHARDS = 4
# A counter slot of no service.
SLOT = 40_000
_DAY = 86_400 * 1_000_000
_PIECE = 2_000
PAYLOAD = '{"data": "' + "x" * 188 + '"}'
COLUMNS = (
    "id",
    "shard",
    "queue",
    "type",
    "status",
    "priority",
    "run_at",
    "max_attempts",
    "ready_queue",
    "created_at",
    "updated_at",
    "finished_at",
    "payload",
)


def add(url: str, queue: str, number: int, status: Status, days_old: int = 0) -> None:
    """Adds `number` jobs in `status` (queued or succeeded), last touched `days_old` days ago."""
    at = time.time_ns() // 1000 - days_old * _DAY
    # A maker of its own: one that has made newer ids makes no older ones.
    maker = IdMaker()
    database = open_mysql(url, SLOT, threads=1)
    for first in range(0, number, _PIECE):
        ids = maker.make(min(_PIECE, number - first), at + first)
        database.run(partial(_insert, queue=queue, ids=ids, status=status, at=at))
    database.close()


def _insert(tx: Transaction, queue: str, ids: list[str], status: Status, at: int) -> None:
    queues.ensure(tx, queue)
    queued = status is Status.QUEUED
    head = (queue, "measure", status.value)
    tail = (at - at % 1000, 5, queue if queued else None, at, at, None if queued else at, PAYLOAD)
    # Priorities in turn, so that the order is not that of the ids.
    rows = [(raw(id_), shard(id_, SHARDS), *head, i % 10, *tail) for i, id_ in enumerate(ids)]
    tx.insert_new("jobs", COLUMNS, rows)
    tx.dialect.add_counts(tx.connection, [(queue, 0, status.value, len(ids))])
