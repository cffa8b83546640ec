"""The walk: chunk after chunk over the primary key, remembering where it is."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jobhopper_core.errors import UnavailableError
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.flows.start import Waiting
from jobhopper_core.model import ids
from jobhopper_core.model.limits import QUEUES_MAX, SILENCE_AFTER_DEFAULT
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import prune_runs, queues
from jobhopper_core.store.database import Database
from jobhopper_core.store.prune_runs import PruneRun
from jobhopper_core.store.save import Effects
from jobhopper_core.store.silence import (
    Cutoffs,
    Ready,
    Silenced,
    Undo,
    chunk_end,
    silence,
    unsilence,
)
from jobhopper_core.store.transaction import Transaction
from jobhopper_core.telemetry.probes import Pulse
from jobhopper_pruner.pace import Pace

_log = logging.getLogger(__name__)

# A store that is away is waited for; the run goes on where it stopped.
_RETRY_SECONDS = 2.0
# Of a chunk's jobs so many are offered at once, since their bodies may be large; the others are
# found by the next read from the start.
_OFFERED = 250
_END = b"\xff" * 16
T = TypeVar("T")
Progress = Callable[[int, int], None]


class StoppedError(Exception):
    """The process was told to end; the run is resumed by the next one."""


class Walk:
    """Runs over all jobs; `progress` is told the rows seen and the jobs changed so far.

    `pulse` beats with every transaction; `waiting` says what it waits for.
    """

    def __init__(
        self,
        database: Database,
        flow: ApplyAndOffer,
        stopping: threading.Event,
        pulse: Pulse,
        waiting: Waiting,
    ) -> None:
        self._database = database
        self._flow = flow
        self._stopping = stopping
        self._pulse = pulse
        self._waiting = waiting

    def silence(self, progress: Progress, *, dry_run: bool) -> PruneRun:
        """Silences what is stale; goes on with a run that was cut off. Raises StoppedError."""
        run, cutoffs = self.again(partial(_begun, dry_run=dry_run))
        pace = Pace()
        below = ids.raw(ids.floor(cutoffs.newest() // 1000))
        while True:
            began = time.monotonic()
            verb = partial(
                _silence_chunk,
                run=run,
                below=below,
                size=pace.size,
                cutoffs=cutoffs,
                dry_run=dry_run,
            )
            done = self._told(
                verb, lambda found: Effects(moved=dict.fromkeys(found[1].ready, found[1].at))
            )
            if done is None:
                break
            before, run = run, done[0]
            progress(run.seen, run.silenced)
            changed = 0 if dry_run else run.silenced - before.silenced
            self._pause(pace.note(run.seen - before.seen, changed, time.monotonic() - began))
        if not dry_run:
            self.again(partial(prune_runs.finish, run_id=run.id))
        return run

    def unsilence(self, undo: Undo, progress: Progress) -> int:
        """Takes silencing back where `undo` fits; how many jobs. Raises StoppedError."""
        pace, position, seen, heard = Pace(), bytes(16), 0, 0
        while True:
            began = time.monotonic()
            verb = partial(_unsilence_chunk, position=position, size=pace.size, undo=undo)
            done = self._told(verb, lambda found: Effects(readied=set(found[3][:_OFFERED])))
            if done is None:
                return heard
            position, rows, changed, _ = done
            seen, heard = seen + rows, heard + changed
            progress(seen, heard)
            self._pause(pace.note(rows, changed, time.monotonic() - began))

    def again(self, verb: Callable[[Transaction], T]) -> T:
        """What `verb` returns; a database that is away is waited for. Raises StoppedError."""
        while True:
            self._pulse.beat("walk")
            try:
                done = self._database.write(verb).result()
            except UnavailableError as error:
                self._waiting.set("mysql", str(error))
                _log.warning("waiting", extra={"reason": str(error)[:300]})
                self._pause(_RETRY_SECONDS)
            else:
                self._waiting.set("mysql", None)
                self._waiting.set("start", None)
                return done

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError

    def _told(
        self, verb: Callable[[Transaction], T | None], effects: Callable[[T], Effects]
    ) -> T | None:
        """As `again`; Redis is told what follows. What it does not hear, a claim finds out."""
        at_ms = self._flow.redis_time()
        done = self.again(verb)
        if done is not None and at_ms is not None:
            self._flow.tell(effects(done), at_ms)
        return done


def _begun(tx: Transaction, *, dry_run: bool) -> tuple[PruneRun, Cutoffs]:
    now = tx.now()
    run = None if dry_run else prune_runs.unfinished(tx)
    if run is not None:
        return run, _cutoffs(tx, run.started_at)
    cutoffs = _cutoffs(tx, now)
    if dry_run:
        return PruneRun(now, now, None, cutoffs.usual, bytes(16), 0, 0, 0), cutoffs
    return prune_runs.begin(tx, cutoffs.usual), cutoffs


def _cutoffs(tx: Transaction, now: int) -> Cutoffs:
    special: dict[str, int | None] = {}
    for name, settings in queues.page(tx, "", QUEUES_MAX):
        if settings.paused or settings.silence_after is None:
            special[name] = None
        elif settings.silence_after != SILENCE_AFTER_DEFAULT:
            special[name] = now - settings.silence_after * SECOND
    return Cutoffs(now - SILENCE_AFTER_DEFAULT * SECOND, special)


def _silence_chunk(
    tx: Transaction, run: PruneRun, below: bytes, size: int, cutoffs: Cutoffs, *, dry_run: bool
) -> tuple[PruneRun, Silenced] | None:
    end = chunk_end(tx, run.position, below, size)
    if end is None:
        return None
    last, rows = end
    done = silence(tx, run.position, last, cutoffs, dry_run=dry_run)
    run = run._replace(
        position=last,
        seen=run.seen + rows,
        silenced=run.silenced + done.silenced,
        unfinished=run.unfinished + done.unfinished,
    )
    if not dry_run:
        # In the chunk's own transaction, so that a run that is killed goes on exactly here.
        prune_runs.advance(tx, run)
    return run, done


def _unsilence_chunk(
    tx: Transaction, position: bytes, size: int, undo: Undo
) -> tuple[bytes, int, int, Ready] | None:
    end = chunk_end(tx, position, _END, size)
    if end is None:
        return None
    last, rows = end
    return last, rows, *unsilence(tx, position, last, undo)
