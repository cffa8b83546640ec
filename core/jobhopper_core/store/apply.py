"""Applies a batch of writes: the one door through which creates and worker updates come in.

Every write is idempotent and fenced by its claim, so order and repetition do no harm: what
does not apply any more is skipped with its reason. Several writes to one job in a batch are
folded into one row.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jobhopper_core.model import transitions
from jobhopper_core.model.queue import Backoff
from jobhopper_core.model.states import FINAL, Status
from jobhopper_core.model.transitions import JobState
from jobhopper_core.model.writes import (
    Claim,
    Create,
    Extend,
    Fail,
    Outcome,
    Release,
    Succeed,
    Update,
    Write,
)
from jobhopper_core.store import counts, queues
from jobhopper_core.store.find import find
from jobhopper_core.store.idempotency import keep
from jobhopper_core.store.insert import insert
from jobhopper_core.store.queues import backoffs
from jobhopper_core.store.repeats import is_repeat
from jobhopper_core.store.save import Change, Effects, change, save
from jobhopper_core.store.transaction import Transaction

Chance = Callable[[], float]


@dataclass(slots=True)
class Applied:
    """What became of a batch: an outcome for each write, in order, and the effects."""

    outcomes: list[Outcome]
    effects: Effects = field(default_factory=Effects)


def apply(tx: Transaction, writes: Sequence[Write], chance: Chance, shards: int) -> Applied:
    """Applies `writes` in this transaction; `chance` (numbers in [0, 1)) is for jitter.

    Raises ChangedMeanwhileError when another transaction came in between: run it again.
    """
    batch = _Batch(tx, tx.now(), chance, Applied([Outcome.APPLIED] * len(writes)))
    batch.apply_updates(writes)
    batch.apply_creates(writes, shards)
    return batch.applied


def judge(job: JobState, update: Update) -> Outcome:
    """Whether an update counts: only while its claim is the row's. Else, why it does not.

    A claim counts while the row still is as its maker knew it: queued, one attempt behind.
    """
    if isinstance(update, Claim):
        return _judge_claim(job, update)
    if job.status is Status.RUNNING and job.claim_id == update.claim_id:
        return Outcome.APPLIED
    if job.status in FINAL:
        return _of_ended(job, update)
    return Outcome.AHEAD if job.attempt < update.attempt else Outcome.STALE_CLAIM


def _judge_claim(job: JobState, claim: Claim) -> Outcome:
    if job.status is Status.QUEUED and job.attempt == claim.attempt - 1:
        return Outcome.APPLIED
    if job.status in FINAL:
        return _of_ended(job, claim)
    return Outcome.DUPLICATE if job.claim_id == claim.claim_id else Outcome.STALE_CLAIM


def _of_ended(job: JobState, update: Update) -> Outcome:
    # One cancelled before its claim was applied is an attempt behind.
    if job.status is Status.CANCELLED and job.attempt <= update.attempt:
        return Outcome.CANCELLED
    return Outcome.NOT_RUNNING if job.attempt == update.attempt else Outcome.STALE_CLAIM


@dataclass(slots=True)
class _Batch:
    """A batch under way in its transaction."""

    tx: Transaction
    now: int
    chance: Chance
    applied: Applied
    waits: dict[str, Backoff] = field(default_factory=dict)

    def apply_creates(self, writes: Sequence[Write], shards: int) -> None:
        creates = [(i, write) for i, write in enumerate(writes) if isinstance(write, Create)]
        if not creates:
            return
        first = {write.id: i for i, write in reversed(creates)}
        distinct = [write for i, write in creates if first[write.id] == i]
        for queue in sorted({write.queue for write in distinct if write.new_queue}):
            queues.admit(self.tx, queue)
        for write in distinct:
            if write.key is not None:
                keep(self.tx, write.id, write.key)
        new, effects, deltas = insert(self.tx, distinct, self.now, shards)
        for i, write in creates:
            if first[write.id] != i or write.id not in new:
                self.applied.outcomes[i] = Outcome.DUPLICATE
        counts.add(self.tx, deltas)
        self.applied.effects.add(effects)

    def apply_updates(self, writes: Sequence[Write]) -> None:
        by_job: defaultdict[str, list[tuple[int, Update]]] = defaultdict(list)
        for i, write in enumerate(writes):
            if not isinstance(write, Create):
                by_job[write.id].append((i, write))
        if not by_job:
            return
        jobs = find(self.tx, by_job)
        failing = {jobs[w.id].queue for w in writes if isinstance(w, Fail) and w.id in jobs}
        self.waits = backoffs(self.tx, sorted(failing))
        folded = [self.fold(jobs.get(id_), updates) for id_, updates in by_job.items()]
        effects = save(self.tx, [one for one in folded if one is not None])
        self.applied.effects.add(effects)

    def fold(self, job: JobState | None, updates: Sequence[tuple[int, Update]]) -> Change | None:
        if job is None:
            for i, _ in updates:
                self.applied.outcomes[i] = Outcome.NOT_FOUND
            return None
        one = change(job)
        outcomes = [self.take(one, update) for _, update in updates]
        for (i, _), outcome in zip(updates, outcomes, strict=True):
            self.applied.outcomes[i] = outcome
        return one if Outcome.APPLIED in outcomes else None

    def take(self, one: Change, update: Update) -> Outcome:
        outcome = judge(one.after, update)
        if outcome is Outcome.APPLIED:
            self.move(one, update)
        elif is_repeat(self.tx, one, update):
            return Outcome.DUPLICATE
        return outcome

    def move(self, one: Change, update: Update) -> None:
        job = one.after
        match update:
            case Claim():
                transitions.claim(job, update.at, update.claim_id, update.until, update.worker)
                return
            case Extend():
                transitions.extend(job, update.at, update.until, update.progress)
                return
            case Succeed():
                transitions.succeed(job, update.at, update.result)
            case Fail():
                wait = self.wait(job, update)
                one.ended.append(transitions.fail(job, update.at, self.now, update.error, wait))
            case Release():
                one.ended.append(transitions.release(job, update.at))
        transitions.note_progress(job, update.at, update.progress)

    def wait(self, job: JobState, fail: Fail) -> int | None:
        if not fail.retry or not transitions.tries_left(job):
            return None
        if fail.retry_in is not None:
            return fail.retry_in
        return self.waits[job.queue].wait(job.failures + 1, self.chance)
