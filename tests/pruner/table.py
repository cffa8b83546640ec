"""Puts jobs of any age into the database, and looks at them."""

from typing import Any

from jobhopper_core.model.ids import IdMaker, raw
from jobhopper_core.store import queues
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.transaction import Transaction

DAY = 86_400 * 1_000_000
_FINAL = ("succeeded", "failed", "cancelled")
_COLUMNS = (
    "id, shard, queue, type, status, priority, run_at, max_attempts, silenced, ready_queue, "
    "due_at, claim_id, lease_until, created_at, updated_at, finished_at, payload"
)
_PIECE = 2_000


class Table:
    """The table of jobs."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def add(
        self,
        number: int,
        queue: str = "q",
        status: str = "queued",
        age: float = 60,
        due_in: float | None = None,
    ) -> None:
        """Adds jobs last touched `age` days ago, to run `due_in` days from now (or then too)."""

        def insert(tx: Transaction) -> None:
            queues.ensure(tx, queue)
            now = tx.now()
            touched = now - int(age * DAY)
            run_at = touched if due_in is None else now + int(due_in * DAY)
            run_at -= run_at % 1000
            # A maker of its own: one that has made newer ids makes no older ones.
            keys = [raw(i) for i in IdMaker().make(number, touched)]
            running = status == "running"
            lease = now + DAY if running else None
            due = lease if running else run_at if status == "scheduled" else None
            ready = queue if status == "queued" else None
            claim_id = b"c" * 16 if running else None
            finished = touched if status in _FINAL else None
            head = (queue, "t", status, 5, run_at, 5, 0, ready, due, claim_id, lease)
            rest = (*head, touched, touched, finished, '{"n": 1}')
            shard = keys[0][-1] % 4
            columns = tuple(_COLUMNS.split(", "))
            for first in range(0, number, _PIECE):
                rows = [(key, shard, *rest) for key in keys[first : first + _PIECE]]
                tx.insert_new("jobs", columns, rows)
            tx.dialect.add_counts(tx.connection, [(queue, 0, status, number)])

        self._database.write(insert).result()

    def set(self, queue: str, **values: Any) -> None:
        """Sets some settings of a queue."""
        self._database.write(lambda tx: queues.change(tx, queue, values)).result()

    def silence_by_hand(self, queue: str, status: str, number: int) -> None:
        """Silences all jobs, which are `number` in a queue and status."""

        def silence(tx: Transaction) -> None:
            tx.run("UPDATE jobs SET silenced = 1, due_at = NULL, ready_queue = NULL")
            moved = [(queue, 0, status, -number), (queue, 0, "silenced", number)]
            tx.dialect.add_counts(tx.connection, moved)

        self._database.write(silence).result()

    def silenced(self, where: str = "1 = 1") -> int:
        return int(self.one(f"SELECT COUNT(*) FROM jobs WHERE silenced = 1 AND {where}"))

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._database.read(lambda tx: tx.read(sql)).result()]

    def all(self) -> list[tuple[Any, ...]]:
        """Every row of all tables that a run may change."""
        tables = ("jobs", "queue_counts", "prune_runs")
        return [row for name in tables for row in self.rows(f"SELECT * FROM {name}")]
