"""One statement of a revision, harmless where it was done before."""

from pymysql.constants import ER
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jobhopper_core.store.faults import code_of

_DONE = frozenset({ER.TABLE_EXISTS_ERROR, ER.DUP_KEYNAME, ER.DUP_FIELDNAME})


def do(connection: Connection, statement: str) -> None:
    """Runs a DDL statement; passes over it when its table, index or column is there.

    That is so after a migration that was cut off on a server, where DDL commits by itself.
    """
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        if code_of(error) not in _DONE:
            raise
