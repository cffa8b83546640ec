"""On a server a migration commits statement by statement: one that was cut off is gone on with."""

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest

from jobhopper_core.errors import SchemaMismatchError
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.mysql import connection_options
from jobhopper_core.store.schema import TABLES
from jobhopper_migrator import migrate

from .cut import CutError, cut_after

_NAME = f"cut_off_{os.getpid()}"


def run(url: str, *statements: str) -> list[tuple[str, ...]]:
    options = {**connection_options(url), "database": None}
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.fixture(params=["mysql_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database."""
    server: str = request.getfixturevalue(request.param)
    run(server, f"CREATE DATABASE {_NAME}")
    yield urlunsplit(urlsplit(server)._replace(path=f"/{_NAME}"))
    run(server, f"DROP DATABASE {_NAME}")


def emptied(url: str) -> None:
    run(url, f"DROP DATABASE {_NAME}", f"CREATE DATABASE {_NAME}")


def migrated(url: str) -> None:
    with closing(open_mysql(url, slot=0, threads=1)) as database:
        migrate(database)


def schema(url: str) -> dict[str, str]:
    """How each table is made."""
    tables = [row[0] for row in run(url, f"SHOW TABLES IN {_NAME}")]
    return {table: run(url, f"SHOW CREATE TABLE {_NAME}.{table}")[0][1] for table in tables}


def test_one_that_is_cut_off_anywhere_is_gone_on_with(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated(url)
    whole = schema(url)
    for statements in count():
        emptied(url)
        with monkeypatch.context() as patch:
            cut_after(patch, statements)
            try:
                migrated(url)
            except CutError:
                pass
            else:
                break
        assert len(schema(url)) <= statements + 1
        migrated(url)
        assert schema(url) == whole
        assert run(url, f"SELECT * FROM {_NAME}.alembic_version") == [("0001",)]
    # All tables but the versions', and four indexes.
    assert statements == len(whole) - 1 + 4


def test_the_tables_are_those_that_are_known(url: str) -> None:
    migrated(url)
    assert set(schema(url)) == TABLES | {"alembic_version"}


_VERSIONS = f"CREATE TABLE {_NAME}.alembic_version (version_num VARCHAR(32) NOT NULL)"
_AT = f"INSERT INTO {_NAME}.alembic_version VALUES "
_ORDERS = f"CREATE TABLE {_NAME}.orders (name TEXT)"
_JOBS = f"CREATE TABLE {_NAME}.jobs (name TEXT)"
FOREIGN = {
    "without versions": ([_ORDERS], "it has a table orders"),
    "beside a table of our names": ([_ORDERS, _JOBS], "it has a table orders"),
    "with versions": ([_ORDERS, _VERSIONS, f"{_AT} ('22ed')"], "it has a table orders"),
    "with two versions": ([_ORDERS, _VERSIONS, f"{_AT} ('a'), ('b')"], "it has a table orders"),
    "with a version of ours": ([_ORDERS, _VERSIONS, f"{_AT} ('0001')"], "it has a table orders"),
    "with empty versions": ([_ORDERS, _JOBS, _VERSIONS], "it has a table orders"),
    "of our names alone": ([_JOBS], "a table jobs and no table alembic_version: restore"),
}


@pytest.mark.parametrize(("made", "said"), FOREIGN.values(), ids=FOREIGN)
def test_a_database_of_somebody_else_is_left_alone(url: str, made: list[str], said: str) -> None:
    run(url, *made)
    before = schema(url)
    with pytest.raises(SchemaMismatchError, match=said) as caught:
        migrated(url)
    assert "of its own" in str(caught.value)
    assert schema(url) == before
