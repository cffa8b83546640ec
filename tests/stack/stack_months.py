"""A table of 36 months, as it may be after three years: many finished jobs, few others."""

from pruner.table import Table

from jobhopper_core.model import ids
from jobhopper_core.model.states import STATUSES
from jobhopper_core.store import partitions
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.transaction import Transaction

MONTHS = 36
# Those that have passed, this one and those ahead, and the last.
PARTITIONS = MONTHS + 1 + partitions.AHEAD + 1
# Of the queue `big`, whose jobs are in all months.
QUEUED = 300
# Of the queue `new`, which came last: all are younger than any other job.
NEW = 30_000
ATTEMPTS = 3
# Queues that have counters alone, each for every status in some slots.
COUNTED, SLOTS = 400, 8
COUNTERS = SLOTS * len(STATUSES)
KEYS = 20_000

_DAY = 30.4
_PIECE = 2_000
_READ = ("jobs", "job_attempts", "queue_counts", "idempotency_keys")


def fill(database: ServerDatabase) -> None:
    """Fills all the tables."""
    database.run(_spread)
    table = Table(database)
    for month in range(MONTHS):
        age = _DAY * month + 1
        table.add(3_000, "big", "succeeded", age)
        table.add(QUEUED, "big", "queued", age)
        table.add(100, f"small{month % 9}", "scheduled", age, due_in=30)
        table.add(10, "soon", "scheduled", age, due_in=0.5)
        table.add(20, "small0", "running", age)
    table.add(NEW, "new", "succeeded", age=0.1)
    for add in (_prioritize, _add_attempts, _add_counters, _add_keys):
        database.run(add)
    database.run(lambda tx: [tx.read(f"ANALYZE TABLE {name}") for name in _READ])


def by_month(database: ServerDatabase, queue: str, status: str) -> list[list[str]]:
    """The ids of a queue's jobs in a status, those of a month together, oldest first."""
    sql = "SELECT id FROM jobs WHERE queue = ? AND status = ? ORDER BY id"
    months: dict[tuple[int, int], list[str]] = {}
    for (key,) in database.run(lambda tx: tx.read(sql, (queue, status))):
        months.setdefault(_month(ids.text(key)), []).append(ids.text(key))
    return list(months.values())


def months_of(job_ids: list[str]) -> int:
    """How many months the ids are from."""
    return len({_month(id_) for id_ in job_ids})


def _month(id_: str) -> tuple[int, int]:
    return partitions.month_of(int.from_bytes(ids.raw(id_)[:6]) * 1_000)


def _spread(tx: Transaction) -> None:
    """Gives the tables partitions for the months that have passed, too."""
    now = partitions.month_of(tx.now())
    first = partitions.later(now, -MONTHS)
    for table, column in partitions.TABLES:
        tx.run(f"ALTER TABLE {table} REMOVE PARTITIONING")
        tx.run(f"ALTER TABLE {table} {partitions.clause(column, first, PARTITIONS - 1)}")


def _prioritize(tx: Transaction) -> None:
    # The ids of a month count up: six of each have priority 0, as many the next, most the last.
    tx.run(
        "UPDATE jobs SET priority = LEAST(9, ORD(SUBSTRING(id, 8, 1)) DIV 3) "
        "WHERE ready_queue = 'big'"
    )


def _add_attempts(tx: Transaction) -> None:
    numbers = " UNION ALL ".join(f"SELECT {n + 1} AS n" for n in range(ATTEMPTS))
    tx.run(
        "INSERT INTO job_attempts (job_id, attempt, outcome, ended_at) "
        f"SELECT id, n, 'failed', 1 FROM jobs, ({numbers}) numbers WHERE queue = 'big' "
        "AND status = 'succeeded' AND ORD(SUBSTRING(id, 8, 1)) < 25"
    )


def _add_counters(tx: Transaction) -> None:
    names = sorted(map(str, STATUSES))
    for number in range(COUNTED):
        rows = [(counted(number), slot, name, 5) for slot in range(SLOTS) for name in names]
        tx.dialect.add_counts(tx.connection, rows)


def counted(number: int) -> str:
    """The name of a queue that has counters alone."""
    return f"counted{number:03d}"


def _add_keys(tx: Transaction) -> None:
    """Keys of which half are past their time."""
    now = tx.now()
    columns = ("digest", "first_id", "count", "body", "expires_at")
    for first in range(0, KEYS, _PIECE):
        rows = [
            (digest(number), bytes(16), 1, bytes(32), now + (number - KEYS // 2) * 1_000_000)
            for number in range(first, first + _PIECE)
        ]
        tx.insert_new("idempotency_keys", columns, rows)


def digest(number: int) -> bytes:
    """The digest of a key; those of the lower half are past their time."""
    return number.to_bytes(32)
