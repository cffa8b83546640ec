"""The database that the conformance suite runs on: today SQLite, one empty file a test."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from jobhopper_core.store.database import Database, open_sqlite
from jobhopper_migrator import migrate

from .audit import audit
from .steps import Clock, Store

MakeDatabase = Callable[[Clock], Database]


@pytest.fixture
def make_database(tmp_path: Path) -> MakeDatabase:
    """Makes empty databases with this release's schema; whoever calls it closes them."""
    numbers = count()

    def make(clock: Clock) -> Database:
        database = open_sqlite(tmp_path / f"{next(numbers)}.db", clock, slot=0)
        migrate(database)
        return database

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
