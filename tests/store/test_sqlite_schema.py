"""The schema on SQLite: every CHECK constraint fires, and a migration is all or nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobhopper_core.errors import StoreDataError
from jobhopper_core.store.database import open_sqlite
from jobhopper_migrator import migrate

from .conftest import MakeDatabase
from .cut import CutError, cut_after
from .steps import START, Clock, Store


@pytest.fixture
def kind() -> str:
    """SQLite alone."""
    return "sqlite"


QUEUED: dict[str, Any] = {
    "id": bytes(15) + b"\1",
    "shard": 1,
    "queue": "mail",
    "type": "t",
    "status": "queued",
    "priority": 5,
    "run_at": START,
    "attempt": 0,
    "failures": 0,
    "max_attempts": 5,
    "silenced": 0,
    "ready_queue": "mail",
    "due_at": None,
    "claim_id": None,
    "lease_until": None,
    "finished_at": None,
    "created_at": START,
    "updated_at": START,
}
SCHEDULED = QUEUED | {"status": "scheduled", "ready_queue": None, "due_at": START}
RUNNING = QUEUED | {
    "status": "running",
    "ready_queue": None,
    "claim_id": bytes(16),
    "lease_until": START,
    "due_at": START,
}
DONE = QUEUED | {"status": "succeeded", "ready_queue": None, "finished_at": START}
ATTEMPT: dict[str, Any] = {
    "job_id": bytes(16),
    "attempt": 1,
    "outcome": "failed",
    "ended_at": START,
}

# Each violates one constraint and no other: a valid row, what is wrong with it, and who says so.
VIOLATIONS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("jobs", QUEUED, {"id": bytes(15)}, "id_is_uuid"),
    ("jobs", QUEUED, {"id": bytes(17)}, "id_is_uuid"),
    ("jobs", SCHEDULED, {"status": "paused", "due_at": None}, "status_is_known"),
    ("jobs", SCHEDULED, {"status": "SCHEDULED", "due_at": None}, "status_is_known"),
    ("jobs", QUEUED, {"priority": -1}, "priority_in_range"),
    ("jobs", QUEUED, {"priority": 10}, "priority_in_range"),
    ("jobs", QUEUED, {"max_attempts": 0}, "max_attempts_in_range"),
    ("jobs", QUEUED, {"max_attempts": 101}, "max_attempts_in_range"),
    ("jobs", DONE, {"silenced": 2}, "silenced_is_flag"),
    ("jobs", DONE, {"finished_at": None}, "final_has_finished_at"),
    ("jobs", DONE, {"status": "failed", "finished_at": None}, "final_has_finished_at"),
    ("jobs", DONE, {"status": "cancelled", "finished_at": None}, "final_has_finished_at"),
    ("jobs", QUEUED, {"finished_at": START}, "final_has_finished_at"),
    ("jobs", RUNNING, {"finished_at": START}, "final_has_finished_at"),
    ("jobs", RUNNING, {"lease_until": None}, "running_has_lease"),
    ("jobs", RUNNING, {"claim_id": None}, "running_has_lease"),
    ("jobs", QUEUED, {"lease_until": START}, "running_has_lease"),
    ("jobs", DONE, {"claim_id": bytes(16)}, "running_has_lease"),
    ("jobs", QUEUED, {"ready_queue": None}, "ready_is_queued"),
    ("jobs", QUEUED, {"silenced": 1}, "ready_is_queued"),
    ("jobs", DONE, {"ready_queue": "mail"}, "ready_is_queued"),
    ("jobs", SCHEDULED, {"due_at": None}, "due_has_timer"),
    ("jobs", SCHEDULED, {"silenced": 1}, "due_has_timer"),
    ("jobs", RUNNING, {"due_at": None}, "due_has_timer"),
    ("jobs", QUEUED, {"due_at": START}, "due_has_timer"),
    ("jobs", DONE, {"due_at": START}, "due_has_timer"),
    ("jobs", RUNNING, {"silenced": 1}, "running_is_heard"),
    ("job_attempts", ATTEMPT, {"outcome": "succeeded"}, "outcome_is_known"),
]
VALID = [("jobs", row) for row in (QUEUED, SCHEDULED, RUNNING, DONE)] + [("job_attempts", ATTEMPT)]


@pytest.fixture
def empty(make_database: MakeDatabase, clock: Clock) -> Iterator[Store]:
    """A database that is not audited: these rows have no counters."""
    made = make_database(clock)
    yield Store(made, clock)
    made.close()


def insert(store: Store, table: str, row: dict[str, Any]) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
    store.write(lambda tx: tx.run(sql, tuple(row.values())))


@pytest.mark.parametrize(("table", "row"), VALID)
def test_a_row_that_keeps_all_constraints_goes_in(
    empty: Store, table: str, row: dict[str, Any]
) -> None:
    insert(empty, table, row)


def constraints(store: Store) -> dict[str, str]:
    """The expression of each CHECK of the schema, by what SQLite calls it when it fires."""
    found = store.read(lambda tx: tx.read("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
    schema = "\n".join(row[0] for row in found)
    checks = re.findall(r"CONSTRAINT (\w+) CHECK \(\s*([^\n]*)", schema)
    assert len(checks) == schema.count("CHECK")
    return dict(checks)


@pytest.mark.parametrize(("table", "row", "wrong", "constraint"), VIOLATIONS)
def test_a_row_that_violates_a_constraint_is_refused_by_it(
    empty: Store, table: str, row: dict[str, Any], wrong: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(StoreDataError, match="CHECK constraint failed") as raised:
        insert(empty, table, row | wrong)
    said = str(raised.value).partition("CHECK constraint failed: ")[2]
    assert said == constraint


def test_every_constraint_of_the_schema_is_violated_above(empty: Store) -> None:
    assert set(constraints(empty)) == {constraint for *_, constraint in VIOLATIONS}


def test_an_existing_row_cannot_be_changed_to_violate_a_constraint_either(store: Store) -> None:
    store.create()
    with pytest.raises(StoreDataError, match="ready_is_queued"):
        store.write(lambda tx: tx.run("UPDATE jobs SET silenced = 1"))


def test_the_same_row_twice_is_refused_as_data(empty: Store) -> None:
    insert(empty, "jobs", QUEUED)
    with pytest.raises(StoreDataError, match="UNIQUE"):
        insert(empty, "jobs", QUEUED)


def test_a_migration_that_is_cut_off_leaves_nothing_behind(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_sqlite(tmp_path / "half.db", clock, slot=0)
    with monkeypatch.context() as patch:
        cut_after(patch, 5)
        with pytest.raises(CutError):
            migrate(database)
    names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    assert database.read(lambda tx: tx.read(names)).result() == []
    migrate(database)
    assert len(database.read(lambda tx: tx.read(names)).result()) > 5
    database.close()


def test_what_was_written_is_there_when_the_file_is_opened_again(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "again.db"
    store = Store(open_sqlite(path, clock, slot=0), clock)
    migrate(store.database)
    id_ = store.create(payload='"kept"')
    before = store.job(id_)
    store.database.close()
    again = Store(open_sqlite(path, clock, slot=0), clock)
    migrate(again.database)
    assert again.job(id_) == before
    again.database.close()


def test_every_commit_is_synced_and_goes_through_the_log(store: Store) -> None:
    def pragmas(tx: Any) -> tuple[object, object]:
        return tuple(tx.read(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous"))

    assert store.read(pragmas) == store.write(pragmas) == ("wal", 2)
