"""The record of each silencing: where it stands, and how it ended."""

from typing import NamedTuple

from jobhopper_core.store.transaction import Transaction


class PruneRun(NamedTuple):
    """A run; times in µs, `position` the id (16 bytes) that it has come to."""

    id: int
    started_at: int
    finished_at: int | None
    cutoff: int
    position: bytes
    seen: int
    silenced: int
    unfinished: int


_SELECT = (
    "SELECT id, started_at, finished_at, cutoff, position, seen, silenced, unfinished "
    "FROM prune_runs"
)


def last_finished(tx: Transaction) -> PruneRun | None:
    """The last run that ended well, or None when none has."""
    rows = tx.read(f"{_SELECT} WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1")
    return PruneRun(*rows[0]) if rows else None


def unfinished(tx: Transaction) -> PruneRun | None:
    """The newest run, if it has not ended."""
    rows = tx.read(f"{_SELECT} ORDER BY id DESC LIMIT 1")
    run = PruneRun(*rows[0]) if rows else None
    return run if run is not None and run.finished_at is None else None


def begin(tx: Transaction, cutoff: int) -> PruneRun:
    """Notes a new run that silences what was last touched before `cutoff` (µs)."""
    now = tx.now()
    run = PruneRun(now, now, None, cutoff, bytes(16), 0, 0, 0)
    columns = ("id", "started_at", "updated_at", "cutoff", "position")
    tx.insert_new("prune_runs", columns, [(now, now, now, cutoff, bytes(16))])
    return run


def advance(tx: Transaction, run: PruneRun) -> None:
    """Keeps how far a run has come."""
    tx.run(
        "UPDATE prune_runs SET updated_at = ?, position = ?, seen = ?, silenced = ?, "
        "unfinished = ? WHERE id = ?",
        (tx.now(), run.position, run.seen, run.silenced, run.unfinished, run.id),
    )


def finish(tx: Transaction, run_id: int) -> None:
    """Notes that a run has seen everything."""
    now = tx.now()
    tx.run("UPDATE prune_runs SET updated_at = ?, finished_at = ? WHERE id = ?", (now, now, run_id))


def look_up(tx: Transaction, run_id: int) -> PruneRun | None:
    """A run, or None when there is none of that id."""
    rows = tx.read(f"{_SELECT} WHERE id = ?", (run_id,))
    return PruneRun(*rows[0]) if rows else None
