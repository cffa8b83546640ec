"""Makes the partitions of the months to come, while the last one is still empty."""

from sqlalchemy.exc import DBAPIError

from jobhopper_core.errors import UnavailableError
from jobhopper_core.store import partitions
from jobhopper_core.store.faults import is_contention
from jobhopper_core.store.transaction import Transaction

_LOCK_SECONDS = 2


def missing(tx: Transaction, table: str) -> list[tuple[int, int]]:
    """The months up to three ahead that `table` has no partition for, in order."""
    now = partitions.month_of(tx.now())
    present = set(names(tx, table))
    months = [partitions.later(now, step) for step in range(partitions.AHEAD + 1)]
    return [month for month in months if partitions.name(month) not in present]


def split(tx: Transaction, table: str, months: list[tuple[int, int]]) -> None:
    """Splits `months` off the last partition.

    Waits no more than 2 s for the table, so that no query queues behind it for long; then it
    raises UnavailableError, to be tried again.
    """
    parts = [partitions.definition(month) for month in months]
    parts.append(f"PARTITION {partitions.LAST} VALUES LESS THAN (MAXVALUE)")
    tx.run(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
    try:
        tx.run(
            f"ALTER TABLE {table} REORGANIZE PARTITION {partitions.LAST} INTO ({', '.join(parts)})"
        )
    except DBAPIError as error:
        if not is_contention(error):
            raise
        # To try again at once would keep all who come after waiting as long again.
        raise UnavailableError(f"Others hold {table}: no months are made now.") from None


def names(tx: Transaction, table: str) -> list[str]:
    """The partitions of `table`, in order."""
    rows = tx.read(
        "SELECT partition_name FROM information_schema.partitions "
        "WHERE table_schema = DATABASE() AND table_name = ? "
        "AND partition_name IS NOT NULL ORDER BY partition_ordinal_position",
        (table,),
    )
    return [row[0] for row in rows]


def rows_in_last(tx: Transaction) -> bool:
    """Whether the last partition of `jobs` holds rows: months were not made in time."""
    return bool(tx.read("SELECT 1 FROM jobs PARTITION (pmax) LIMIT 1"))
