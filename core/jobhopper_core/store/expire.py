"""Ends the attempts of workers that were not heard of before their lease ran out."""

from jobhopper_core.model import transitions
from jobhopper_core.model.queue import Backoff
from jobhopper_core.model.states import Status
from jobhopper_core.model.transitions import JobState
from jobhopper_core.store.apply import Chance
from jobhopper_core.store.due import due
from jobhopper_core.store.find import find
from jobhopper_core.store.queues import backoffs
from jobhopper_core.store.save import Effects, change, save
from jobhopper_core.store.transaction import Transaction

ERROR = (
    '{"type": "lease_expired", "message": "The worker was not heard of before its lease ended."}'
)


def expire(
    tx: Transaction, shard: int, before: int, limit: int, chance: Chance
) -> tuple[dict[str, int], Effects]:
    """Expires up to `limit` leases of `shard` that ended before `before` (µs).

    Returns how many in each queue, and the effects.
    """
    now = tx.now()
    found = find(tx, due(tx, shard, Status.RUNNING, before - 1, limit))
    changes = [change(job) for job in found.values() if _has_expired(job, before)]
    waits = backoffs(tx, sorted({one.after.queue for one in changes}))
    expired: dict[str, int] = {}
    for one in changes:
        job = one.after
        expired[job.queue] = expired.get(job.queue, 0) + 1
        one.ended.append(transitions.expire(job, now, ERROR, _wait(job, waits, chance)))
    return expired, save(tx, changes)


def _has_expired(job: JobState, before: int) -> bool:
    running = job.status is Status.RUNNING
    return running and job.lease_until is not None and job.lease_until < before


def _wait(job: JobState, waits: dict[str, Backoff], chance: Chance) -> int | None:
    if not transitions.tries_left(job):
        return None
    return waits[job.queue].wait(job.failures + 1, chance)
