"""Runs the revisions that a database lacks: in one transaction where DDL takes part in it.

On a server each statement of a revision commits by itself. The version is noted when all are done,
so a migration that was cut off begins its revision anew, which passes over what is there.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect

from jobhopper_core.errors import SchemaMismatchError, UnavailableError
from jobhopper_core.store import schema
from jobhopper_core.store.database import Database

_VERSIONS = "alembic_version"
_LOCK_SECONDS = 20
_HERE = Path(__file__).parent


def migrate(database: Database) -> None:
    """Brings `database` to this release's schema; changes nothing when it is there already.

    Raises SchemaMismatchError when the database was made by a newer release, or by another program.
    """
    database.write(lambda transaction: _upgrade(transaction.connection)).result()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "mysql":
        _wait_for_turn(connection)
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    script = ScriptDirectory.from_config(config)
    present = _present(script, connection)
    if present != script.get_current_head():
        _run(config, script, connection)
    if connection.dialect.name == "mysql":
        _release(connection)


def _wait_for_turn(connection: Connection) -> None:
    # Here DDL commits by itself, so the transaction keeps nobody out; a named lock does. It goes
    # with the connection, which is closed when this is over.
    lock = "SELECT GET_LOCK('jobhopper_migrate', %s)"
    if connection.exec_driver_sql(lock, (_LOCK_SECONDS,)).scalar_one() != 1:
        raise UnavailableError("Another migration is under way; try again.")


def _release(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT RELEASE_LOCK('jobhopper_migrate')")


def _present(script: ScriptDirectory, connection: Connection) -> str | None:
    """The revision that the database is at; None where there is none, or it was cut off.

    Raises SchemaMismatchError for what is no database of ours, or of a newer release.
    """
    heads = MigrationContext.configure(connection).get_current_heads()
    tables = set(inspect(connection).get_table_names())
    others = tables - schema.TABLES - {_VERSIONS}
    ours = tables & schema.TABLES
    # Another program may have versions of its own, and a table of a name that we use.
    if others and not (heads and ours):
        raise SchemaMismatchError(
            f"The database is not empty and not Jobhopper's (it has a table {min(others)}): "
            "give Jobhopper one of its own."
        )
    # The table of versions is made first, so a migration that was cut off leaves it, empty.
    if ours and _VERSIONS not in tables:
        raise SchemaMismatchError(
            f"The database has a table {min(ours)} and no table {_VERSIONS}: restore that one "
            "too, or give Jobhopper a database of its own."
        )
    for head in heads:
        _refuse_newer(script, head)
    return heads[0] if heads else None


def _refuse_newer(script: ScriptDirectory, present: str) -> None:
    try:
        script.get_revision(present)
    except CommandError:
        raise SchemaMismatchError(
            f"The database has schema {present}, this release knows up to "
            f"{script.get_current_head()}: start the release that made it, or a newer one."
        ) from None


def _run(config: Config, script: ScriptDirectory, connection: Connection) -> None:
    context = EnvironmentContext(config, script)
    context.configure(
        connection=connection,
        # The caller's transaction is the one that counts: all revisions or none.
        transactional_ddl=False,
        fn=lambda revision, _: script._upgrade_revs("head", revision),  # noqa: SLF001
    )
    context.run_migrations()
