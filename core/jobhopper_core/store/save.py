"""Writes changed jobs back: the one place that updates a job's state.

Every verb but `claim` goes through here, so that the ready and due columns, the counters and
the record of attempts always follow the state.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobhopper_core.errors import UnavailableError
from jobhopper_core.model import ids
from jobhopper_core.model.states import FINAL, Status
from jobhopper_core.model.transitions import EndedAttempt, JobState
from jobhopper_core.model.writes import Create
from jobhopper_core.store import counts
from jobhopper_core.store.transaction import Transaction

_COLUMNS = (
    "status",
    "priority",
    "run_at",
    "attempt",
    "failures",
    "silenced",
    "claim_id",
    "lease_until",
    "started_at",
    "worker",
    "progress_at",
    "updated_at",
    "finished_at",
    "ready_queue",
    "due_at",
)
# The fence: what has to be as it was read.
_KEYS = ("id", "status", "attempt", "updated_at")


@dataclass(slots=True)
class Effects:
    """What a transaction changed that others wait for; published once it is committed."""

    # Queues that may have work.
    ready: set[str] = field(default_factory=set)
    # Jobs that have ended.
    finished: set[str] = field(default_factory=set)
    # New jobs that can be claimed, and others that can be claimed again, by queue.
    created: list[Create] = field(default_factory=list)
    readied: set[tuple[str, str]] = field(default_factory=set)
    # Jobs that were in their queue and were moved or taken out of it, by (queue, id), each with
    # its updated_at of then (µs).
    moved: dict[tuple[str, str], int] = field(default_factory=dict)
    # Claims that an operator ended: the job, its attempt, and when the lease would have ended (µs).
    revoked: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, other: "Effects") -> None:
        """Takes in another transaction's effects."""
        self.ready |= other.ready
        self.finished |= other.finished
        self.created += other.created
        self.readied |= other.readied
        self.moved |= other.moved
        self.revoked |= other.revoked


@dataclass(slots=True)
class Change:
    """A job before and after a verb, with the attempts that the verb ended."""

    before: JobState
    after: JobState
    ended: list[EndedAttempt] = field(default_factory=list)


class ChangedMeanwhileError(UnavailableError):
    """A row was not as it was read; the transaction has to run again."""

    code = "contention"

    def __init__(self) -> None:
        super().__init__("Others changed the same rows meanwhile; try again.")


def change(before: JobState) -> Change:
    """A change that begins at `before`; the verb then moves its `after`."""
    return Change(before.copy(), before)


def save(tx: Transaction, changes: Sequence[Change]) -> Effects:
    """Writes `changes` and what follows from them; rows were read in this transaction."""
    ordered = sorted(changes, key=lambda c: c.after.id)
    _update(tx, ordered)
    _record_attempts(tx, ordered)
    counts.add(tx, _deltas(ordered))
    return _effects(ordered)


def _update(tx: Transaction, changes: Sequence[Change]) -> None:
    # Bodies can be large, so only those that changed are written: one statement a set of them.
    by_bodies: defaultdict[tuple[str, ...], list[Change]] = defaultdict(list)
    for one in changes:
        by_bodies[tuple(sorted(one.after.bodies))].append(one)
    for bodies, group in sorted(by_bodies.items()):
        columns, rows = _new_values(group, bodies)
        changed = tx.update_matching("jobs", (*columns, *bodies), _KEYS, rows)
        if changed != len(rows) and not _is_written(tx, group):
            raise ChangedMeanwhileError


def _is_written(tx: Transaction, group: Sequence[Change]) -> bool:
    # MySQL counts no row whose values stay the same, as those of two heartbeats in one µs do.
    keys = [ids.raw(one.after.id) for one in group]
    found = set(tx.read_in("SELECT id, status, attempt, updated_at FROM jobs", "id", keys))
    wanted = {
        (key, one.after.status.value, one.after.attempt, one.after.updated_at)
        for key, one in zip(keys, group, strict=True)
    }
    return wanted <= {tuple(row) for row in found}


def _new_values(
    group: Sequence[Change], bodies: tuple[str, ...]
) -> tuple[list[str], list[tuple[object, ...]]]:
    """The columns that change in any of the jobs, and the rows that set them."""
    after = [_values(one.after) for one in group]
    pairs = list(zip(after, [_values(one.before) for one in group], strict=True))
    # What no job changes costs a server time to read all the same.
    kept = [
        i
        for i, name in enumerate(_COLUMNS)
        if name == "updated_at" or any(new[i] != old[i] for new, old in pairs)
    ]
    rows = [
        (*[new[i] for i in kept], *[one.after.bodies[name] for name in bodies], *_fence(one.before))
        for one, new in zip(group, after, strict=True)
    ]
    return [_COLUMNS[i] for i in kept], rows


def _values(job: JobState) -> tuple[object, ...]:
    return (
        job.status.value,
        job.priority,
        job.run_at,
        job.attempt,
        job.failures,
        int(job.silenced),
        bytes.fromhex(job.claim_id) if job.claim_id is not None else None,
        job.lease_until,
        job.started_at,
        job.worker,
        job.progress_at,
        job.updated_at,
        job.finished_at,
        job.ready_queue,
        job.due_at,
    )


def _fence(before: JobState) -> tuple[object, ...]:
    return ids.raw(before.id), before.status.value, before.attempt, before.updated_at


def _record_attempts(tx: Transaction, changes: Sequence[Change]) -> None:
    columns = ("job_id", "attempt", "outcome", "error", "worker", "started_at", "ended_at")
    rows = [
        (ids.raw(e.job_id), e.attempt, e.outcome.value, e.error, e.worker, e.started_at, e.ended_at)
        for one in changes
        for e in one.ended
    ]
    if rows:
        tx.insert_new("job_attempts", columns, rows)


def _deltas(changes: Sequence[Change]) -> counts.Deltas:
    deltas: counts.Deltas = Counter()
    for one in changes:
        deltas[counts.bucket(one.before)] -= 1
        deltas[counts.bucket(one.after)] += 1
    return deltas


def _effects(changes: Sequence[Change]) -> Effects:
    effects = Effects()
    for one in changes:
        _note(effects, one)
    return effects


def _note(effects: Effects, one: Change) -> None:
    job, before = one.after, one.before
    if before.ready_queue is not None:
        effects.moved[job.queue, job.id] = job.updated_at
    if job.ready_queue is not None:
        effects.ready.add(job.queue)
        effects.readied.add((job.queue, job.id))
    if job.status in FINAL and before.status not in FINAL:
        effects.finished.add(job.id)
    if job.status is Status.CANCELLED and before.lease_until is not None:
        effects.revoked[job.id] = (before.attempt, before.lease_until)
