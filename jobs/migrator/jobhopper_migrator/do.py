"""One statement of a revision, harmless where it was done before."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jobhopper_core.store.faults import is_there


def do(connection: Connection, statement: str) -> None:
    """Runs a DDL statement; passes over it when its table, index or column is there.

    That is so after a migration that was cut off on a server, where DDL commits by itself.
    """
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        if not is_there(error):
            raise
