"""Hands out the top picks of a queue.

The candidates are found by a plain read in the queue's order: priority, then date, then id.
What decides is a compare-and-set by primary key on (attempt, status): of all claimers of a job
exactly one changes the row, and only rows that bear the claim's own id are handed out.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jobhopper_core.model import ids
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.model.states import TRANSITIONS, Move, Status
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import counts, queues
from jobhopper_core.store.refill import Position, ReadyJob, ready_from
from jobhopper_core.store.transaction import Transaction

_VALUES = (
    "status",
    "attempt",
    "claim_id",
    "lease_until",
    "due_at",
    "started_at",
    "worker",
    "updated_at",
    "ready_queue",
)
_KEYS = ("id", "attempt", "status", "silenced")
_CLAIMED = TRANSITIONS[(Move.CLAIM, Status.QUEUED)].value


class Handout(NamedTuple):
    """What a claim gave: for each demand, in order, its jobs; `left` says more may be ready."""

    jobs: list[list[ClaimedJob]]
    left: bool


def claim(
    tx: Transaction,
    queue: str,
    demands: Sequence[Demand],
    at: Position | None = None,
    tried: "Callable[[Sequence[Pick]], None]" = lambda _picks: None,
) -> Handout:
    """Claims the top picks of `queue` for `demands`, first come first served.

    With `at` the top picks from that place on: a read that does not have to step over what was
    claimed before it. `tried` is told what is about to be claimed, for who has to find out later.

    Raises TooManyQueuesError when `queue` is new and the install is full.
    """
    settings = queues.ensure(tx, queue)
    if settings.paused:
        return Handout([[] for _ in demands], left=False)
    # One entry a job that is asked for, so that the n-th candidate goes to the n-th of them.
    askers = [(i, demand) for i, demand in enumerate(demands) for _ in range(demand.jobs)]
    ready = ready_from(tx, queue, len(askers), at)
    now = tx.now()
    claim_ids = new_claim_ids(demands)
    picks = [
        Pick(i, demand.worker, _claimed(job, claim_ids[i], now + _lease(demand, settings), now))
        for job, (i, demand) in zip(ready, askers, strict=False)
    ]
    tried(picks)
    won = claim_known(tx, queue, picks, now)
    return Handout(handed_out(picks, won, len(demands)), left=len(ready) == len(askers))


class Pick(NamedTuple):
    """A job that is about to be claimed: the number of its demand, the worker, and the claim."""

    asker: int
    worker: str | None
    job: ClaimedJob


def claim_known(tx: Transaction, queue: str, picks: Sequence[Pick], now: int) -> set[str]:
    """Claims jobs that are known by id and attempt at `now` (µs); the ids of those won."""
    won = _take(tx, picks, now)
    _count(tx, queue, len(won))
    return won


def bearing(tx: Transaction, picks: Sequence[Pick]) -> set[str]:
    """The ids of those jobs whose rows bear their claim's id: only they were won.

    Rows that another transaction is about to change are waited for: it may be the claim's own,
    whose commit a server goes on with although nobody waits for the answer any more.
    """
    keys = sorted(ids.raw(pick.job.id) for pick in picks)
    found = tx.read_in("SELECT id, claim_id FROM jobs", "id", keys, tx.dialect.for_update)
    ours = {(ids.raw(p.job.id), bytes.fromhex(p.job.claim_id)): p.job.id for p in picks}
    return {ours[pair] for pair in ours.keys() & {(row[0], row[1]) for row in found}}


def new_claim_ids(demands: Sequence[Demand]) -> list[str]:
    """An id by chance for each demand: one claim, however many jobs it gets."""
    return [secrets.token_hex(16) for _ in demands]


def handed_out(picks: Sequence[Pick], won: set[str], demands: int) -> list[list[ClaimedJob]]:
    """For each of the `demands`, in order, the jobs that were won for it."""
    handed: list[list[ClaimedJob]] = [[] for _ in range(demands)]
    for pick in picks:
        if pick.job.id in won:
            handed[pick.asker].append(pick.job)
    return handed


def _lease(demand: Demand, settings: QueueSettings) -> int:
    return settings.lease * SECOND if demand.lease is None else demand.lease


def _claimed(job: ReadyJob, claim_id: str, until: int, now: int) -> ClaimedJob:
    return ClaimedJob(
        job.id,
        job.queue,
        job.type,
        job.payload,
        job.priority,
        job.run_at,
        job.attempt + 1,
        job.max_attempts,
        job.progress,
        job.created_at,
        job.traceparent,
        claim_id,
        until,
        claimed_at=now,
    )


def _take(tx: Transaction, picks: Sequence[Pick], now: int) -> set[str]:
    rows = [_row(pick, now) for pick in sorted(picks, key=lambda pick: pick.job.id)]
    if tx.update_matching("jobs", _VALUES, _KEYS, rows) == len(rows):
        return {pick.job.id for pick in picks}
    # Some went to another claimer.
    return bearing(tx, picks)


def _row(pick: Pick, now: int) -> tuple[object, ...]:
    job = pick.job
    return (
        _CLAIMED,
        job.attempt,
        bytes.fromhex(job.claim_id),
        job.lease_until,
        job.lease_until,
        now,
        pick.worker,
        now,
        None,
        ids.raw(job.id),
        job.attempt - 1,
        Status.QUEUED.value,
        0,
    )


def _count(tx: Transaction, queue: str, claimed: int) -> None:
    if claimed:
        moved = {(queue, Status.QUEUED.value): -claimed, (queue, Status.RUNNING.value): claimed}
        counts.add(tx, Counter(moved))
