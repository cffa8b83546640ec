"""Moves scheduled jobs whose time has come to queued."""

from jobhopper_core.model import transitions
from jobhopper_core.model.states import Status
from jobhopper_core.store.due import due
from jobhopper_core.store.find import find
from jobhopper_core.store.save import Effects, change, save
from jobhopper_core.store.transaction import Transaction


def promote(tx: Transaction, shard: int, limit: int) -> tuple[int, Effects]:
    """Promotes up to `limit` due jobs of `shard`; returns how many, and the effects."""
    now = tx.now()
    found = find(tx, due(tx, shard, Status.SCHEDULED, now, limit))
    # Read without a lock first, so each may have changed since: check again.
    changes = [change(job) for job in found.values() if _is_due(job.due_at, job.status, now)]
    for one in changes:
        transitions.promote(one.after, now)
    return len(changes), save(tx, changes)


def _is_due(due_at: int | None, status: Status, now: int) -> bool:
    return status is Status.SCHEDULED and due_at is not None and due_at <= now
