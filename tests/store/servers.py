"""Empty databases on a MySQL or MariaDB server, made once a process and emptied between tests."""

import os
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import pymysql

from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.mysql import connection_options
from jobhopper_migrator import migrate


def emptied(url: str, number: int) -> str:
    """The URL of an empty database of this process, with this release's schema."""
    made = _made(url, number)
    options = connection_options(made)
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (table,) in cursor.fetchall():
            if table != "alembic_version":
                cursor.execute(f"DELETE FROM {table}")
    return made


@cache
def _made(url: str, number: int) -> str:
    """A database of its own for this process; `url` has to be root's."""
    name = f"test_{os.getpid()}_{number}"
    options = {**connection_options(url), "database": None}
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    made = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    database = open_mysql(made, slot=0)
    migrate(database)
    database.close()
    return made
