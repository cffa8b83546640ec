"""Silences stale jobs, and takes it back: a walk over the primary key in short transactions.

Stale is what is not running, not in a paused queue, and neither touched nor due for as long as
its queue says. A chunk is a range of ids, so nothing is looked for twice and no index on the
flag is needed; finishing and silencing touch none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jobhopper_core.model import ids
from jobhopper_core.model.states import FINAL, Status
from jobhopper_core.store import counts
from jobhopper_core.store.save import ChangedMeanwhileError
from jobhopper_core.store.transaction import Transaction

# Jobs by queue and id.
Ready = list[tuple[str, str]]

_NONE: Ready = []
_FINAL_NAMES = frozenset(status.value for status in FINAL)


class Cutoffs(NamedTuple):
    """Before when (µs) a job of each queue is stale; `usual` for queues that are not named.

    A queue whose cutoff is None is left alone (paused, or never to be silenced).
    """

    usual: int
    special: Mapping[str, int | None]

    def newest(self) -> int:
        """No job made after this (µs) can be stale."""
        return max([self.usual, *(c for c in self.special.values() if c is not None)])


class Silenced(NamedTuple):
    """What a chunk did: jobs silenced, those of them that were not finished, and jobs to forget."""

    silenced: int
    unfinished: int
    ready: Ready
    # The time (µs) that their rows bear since.
    at: int


class Undo(NamedTuple):
    """Which silenced jobs are to be heard again; None takes all. Times in µs."""

    queue: str | None = None
    status: str | None = None
    silenced_after: int | None = None
    silenced_before: int | None = None


def chunk_end(tx: Transaction, after: bytes, below: bytes, size: int) -> tuple[bytes, int] | None:
    """The last of the next `size` ids above `after` and below `below`, and how many there are.

    None when there are none.
    """
    # A full chunk is found without gathering it in a table of its own.
    where = f"FROM {_jobs(tx)} WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
    full = tx.read(f"SELECT id {where} OFFSET ?", (after, below, 1, size - 1))
    if full:
        return full[0][0], size
    sql = f"SELECT MAX(id), COUNT(*) FROM (SELECT id {where}) c"  # noqa: S608
    last, found = tx.read(sql, (after, below, size))[0]
    return None if found == 0 else (last, found)


def silence(
    tx: Transaction, after: bytes, last: bytes, cutoffs: Cutoffs, *, dry_run: bool
) -> Silenced:
    """Silences the stale jobs with ids above `after`, up to `last`; with `dry_run` only counts."""
    condition, parameters = _stale(cutoffs)
    where = f"id > ? AND id <= ? AND silenced = 0 AND status <> 'running' AND {condition}"
    given = (after, last, *parameters)
    if dry_run:
        by_status, ready = _counted(tx, where, given), _NONE
    else:
        sql = (
            f"UPDATE {_jobs(tx)} SET silenced = 1, ready_queue = NULL, due_at = NULL, "  # noqa: S608
            f"updated_at = ? WHERE {where}"
        )
        by_status, ready = _change(tx, sql, given, _Range(after, last, silenced=1))
        counts.add(tx, _moved(by_status, to_silenced=True))
    unfinished = sum(n for (_, status), n in by_status.items() if status not in _FINAL_NAMES)
    return Silenced(sum(by_status.values()), unfinished, ready, 0 if dry_run else tx.now())


def unsilence(tx: Transaction, after: bytes, last: bytes, undo: Undo) -> tuple[int, Ready]:
    """Lets the silenced jobs of a range that `undo` fits be heard again, as if just touched.

    Returns how many, and those of them that can be claimed.
    """
    tests: list[tuple[str, Any]] = [
        ("queue = ?", undo.queue),
        ("status = ?", undo.status),
        ("updated_at >= ?", undo.silenced_after),
        ("updated_at <= ?", undo.silenced_before),
    ]
    used = [(test, value) for test, value in tests if value is not None]
    where = "".join(f" AND {test}" for test, _ in used)
    where = f"id > ? AND id <= ? AND silenced = 1{where}"
    given = (after, last, *(value for _, value in used))
    sql = (
        f"UPDATE {_jobs(tx)} SET silenced = 0, updated_at = ?, "  # noqa: S608
        "ready_queue = CASE WHEN status = 'queued' THEN queue END, "
        f"due_at = CASE WHEN status = 'scheduled' THEN run_at END WHERE {where}"
    )
    by_status, ready = _change(tx, sql, given, _Range(after, last, silenced=0))
    counts.add(tx, _moved(by_status, to_silenced=False))
    return sum(by_status.values()), ready


def _stale(cutoffs: Cutoffs) -> tuple[str, Sequence[Any]]:
    stale = "GREATEST(updated_at, run_at) < ?"
    if not cutoffs.special:
        return stale, (cutoffs.usual,)
    names = sorted(cutoffs.special)
    marks = ", ".join("?" * len(names))
    condition, parameters = f"(queue NOT IN ({marks}) AND {stale})", [*names, cutoffs.usual]
    for name in names:
        cutoff = cutoffs.special[name]
        if cutoff is not None:
            condition += f" OR (queue = ? AND {stale})"
            parameters += [name, cutoff]
    return f"({condition})", parameters


class _Range(NamedTuple):
    """Ids above `after`, up to `last`, and what the flag says once they are changed."""

    after: bytes
    last: bytes
    silenced: int


def _change(
    tx: Transaction, sql: str, given: Sequence[Any], where: _Range
) -> tuple[Counter[tuple[str, str]], Ready]:
    """Runs the update, then reads what it changed: how many by queue and status, and who is queued.

    The stamp of this transaction tells its rows. To count them first, under locks, would cost
    twice as much as to look at them afterwards.
    """
    now = tx.now()
    changed = tx.run(sql, (now, *given))
    if changed == 0:
        return Counter(), []
    condition = "id > ? AND id <= ? AND silenced = ? AND updated_at = ?"
    stamped = (*where, now)
    by_status = _counted(tx, condition, stamped)
    if sum(by_status.values()) != changed:
        # Another transaction has the same stamp, to the microsecond.
        raise ChangedMeanwhileError
    if all(status != Status.QUEUED.value for _, status in by_status):
        return by_status, []
    sql = f"SELECT queue, id FROM {_jobs(tx)} WHERE {condition} AND status = 'queued'"  # noqa: S608
    rows = tx.read(sql, stamped)
    return by_status, [(queue, ids.text(key)) for queue, key in rows]


def _counted(tx: Transaction, where: str, given: Sequence[Any]) -> Counter[tuple[str, str]]:
    sql = f"SELECT queue, status, COUNT(*) FROM {_jobs(tx)} WHERE {where} GROUP BY queue, status"  # noqa: S608
    return Counter({(queue, status): n for queue, status, n in tx.read(sql, given)})


def _moved(by_status: Counter[tuple[str, str]], *, to_silenced: bool) -> counts.Deltas:
    sign = 1 if to_silenced else -1
    deltas: counts.Deltas = Counter()
    for (queue, status), n in by_status.items():
        deltas[queue, status] -= sign * n
        deltas[queue, counts.SILENCED] += sign * n
    return deltas


def _jobs(tx: Transaction) -> str:
    # Left to itself the optimizer may sort a month by another index to find a few thousand ids.
    return f"jobs{tx.dialect.by_index('PRIMARY')}"
