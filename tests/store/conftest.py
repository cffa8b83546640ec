"""The databases that the conformance suite runs on, each empty at the start of a test."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from jobhopper_core.store.database import Database, open_mysql, open_sqlite
from jobhopper_migrator import migrate

from .audit import audit
from .servers import emptied
from .steps import Clock, Store

MakeDatabase = Callable[[Clock], Database]
Make = Callable[[Path, Clock], Database]


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test of the conformance suite runs on."""
    kind: str = request.param
    return kind


@pytest.fixture
def make_database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> MakeDatabase:
    """Makes empty databases with this release's schema; whoever calls it closes them."""
    numbers = count()

    def make(clock: Clock) -> Database:
        number = next(numbers)
        if kind == "sqlite":
            database = open_sqlite(tmp_path / f"{number}.db", clock, slot=0)
            migrate(database)
            return database
        url = request.getfixturevalue(f"{kind}_url")
        return open_mysql(emptied(url, number), slot=0, clock=clock)

    return make


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(make_database: MakeDatabase, clock: Clock) -> Iterator[Database]:
    """A database that is held against `audit` when the test is over."""
    made = make_database(clock)
    yield made
    audit(made)
    made.close()


@pytest.fixture
def store(database: Database, clock: Clock) -> Store:
    return Store(database, clock)
