"""What Python and MySQL do on this machine without us: the scale for every other measure.

The same commit is twice as fast on a machine with idle neighbours as beside busy ones; its ratio to
what MySQL alone does in the same run stays nearly the same.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from bench import rows
from jobhopper_core.model.ids import IdMaker, raw, shard
from jobhopper_core.model.states import Status
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.transaction import Transaction
from jobhopper_migrator import migrate
from stack.emptying import empty
from stack.services import Stores

T = TypeVar("T")
JOBS, MANY, FEW, ALONE = 20_000, 500, 100, 1_000
_LOOPS = 2_000_000
_LEASE_US = 60_000_000
_CLAIM = ("status", "attempt", "claim_id", "lease_until", "due_at", "started_at", "updated_at")
_CLAIM_FENCE = ("id", "attempt", "status", "silenced")
_END = ("status", "claim_id", "lease_until", "finished_at", "due_at", "result", "updated_at")
_END_FENCE = ("id", "status", "attempt")


class Alone(NamedTuple):
    """Rows a second on one connection: in batches, and claims of one with a commit each."""

    inserts: float
    claims: float
    ends: float
    claims_of_one: float

    @property
    def jobs(self) -> float:
        """Jobs a second, each with its three statements."""
        return 1 / (1 / self.inserts + 1 / self.claims + 1 / self.ends)


# MySQL 9.7 when the targets were set; 2 cores, flush at commit, synced binlog, and a table with
# fewer indexes and checks than ours: an order of magnitude, not a divisor.
REFERENCE = Alone(51_000, 46_000, 47_000, 1_600)


def python_alone() -> float:
    """Millions of turns a second of a loop that adds."""
    began = time.perf_counter()
    total = 0
    for i in range(_LOOPS):
        total += i
    return _LOOPS / (time.perf_counter() - began) / 1e6


def mysql_alone(stores: Stores) -> Alone:
    """Rows a second on the services' own table, by their own statements, nothing beside them."""
    empty(stores)
    database = open_mysql(stores.mysql, rows.SLOT, threads=1)
    try:
        migrate(database)
        return _rates(database, time.time_ns() // 1000)
    finally:
        database.close()


def _rates(database: ServerDatabase, now: int) -> Alone:
    maker = IdMaker()
    ids = [one for i in range(JOBS // MANY) for one in maker.make(MANY, now + i)]
    keys = [raw(one) for one in ids]
    inserts = _rate(database, MANY, ids, partial(_insert, now=now))
    ones = _rate(database, 1, keys[:ALONE], partial(_claim, now=now))
    claims = _rate(database, FEW, keys[ALONE:], partial(_claim, now=now))
    ends = _rate(database, MANY, keys, partial(_end, now=now))
    return Alone(inserts, claims, ends, ones)


def _rate(
    database: ServerDatabase, size: int, given: Sequence[T], verb: Callable[..., int]
) -> float:
    began = time.perf_counter()
    for i in range(0, len(given), size):
        piece = given[i : i + size]
        if database.run(partial(verb, piece=piece)) != len(piece):
            raise RuntimeError("MySQL changed fewer rows than it was given")
    return len(given) / (time.perf_counter() - began)


def _insert(tx: Transaction, piece: Sequence[str], now: int) -> int:
    queued = (now, 5, "bench", now, now, None, rows.PAYLOAD)
    new = [(raw(i), shard(i, rows.SHARDS), "bench", "measure", "queued", 5, *queued) for i in piece]
    return tx.insert_new("jobs", rows.COLUMNS, new)


def _claim(tx: Transaction, piece: Sequence[bytes], now: int) -> int:
    new = ("running", 1, bytes(16), now + _LEASE_US, now + _LEASE_US, now, now, None)
    claimed = [(*new, key, 0, Status.QUEUED.value, 0) for key in piece]
    return tx.update_matching("jobs", (*_CLAIM, "ready_queue"), _CLAIM_FENCE, claimed)


def _end(tx: Transaction, piece: Sequence[bytes], now: int) -> int:
    new = ("succeeded", None, None, now, None, '{"ok":true}')
    # Each ends at a time of its own, as updates do.
    ended = [(*new, now + i, key, Status.RUNNING.value, 1) for i, key in enumerate(piece)]
    return tx.update_matching("jobs", _END, _END_FENCE, ended)
