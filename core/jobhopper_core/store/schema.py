"""Whether a database has the schema that this release reads."""

from jobhopper_core.errors import SchemaMismatchError, UnavailableError
from jobhopper_core.store.transaction import Transaction

# The revision of `jobs/migrator` that this release was written for; a test holds them together.
SCHEMA = "0001"
# All tables that a revision has ever made but the one of versions; the same test holds them.
TABLES = frozenset(
    {
        "jobs",
        "job_attempts",
        "queue_counts",
        "queues",
        "api_keys",
        "idempotency_keys",
        "shards",
        "suspects",
        "prune_runs",
        "meta",
    }
)


def check(tx: Transaction) -> None:
    """Returns when the schema is right.

    Raises UnavailableError when it is missing or older (the migration may be under way), and
    SchemaMismatchError when it is newer.
    """
    found = _present(tx)
    if found is None or found < SCHEMA:
        raise UnavailableError(
            f"The database has schema {found or 'none'}, this release needs {SCHEMA}: "
            "run jobhopper-migrate."
        )
    if found > SCHEMA:
        raise SchemaMismatchError(
            f"The database has schema {found}, this release knows up to {SCHEMA}: "
            "start the release that made it, or a newer one."
        )


def _present(tx: Transaction) -> str | None:
    tables = tx.read(
        "SELECT 1 FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = 'alembic_version'"
    )
    if not tables:
        return None
    rows = tx.read("SELECT version_num FROM alembic_version")
    return rows[0][0] if rows else None
