"""Group commit on SQLite: a verb's error is its own, a commit's error is everybody's."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import event

from jobhopper_core.errors import StoreDataError, UnavailableError
from jobhopper_core.store.database import Database
from jobhopper_core.store.transaction import Transaction

from .conftest import MakeDatabase
from .steps import PATIENCE, Clock


@pytest.fixture
def kind() -> str:
    """SQLite alone."""
    return "sqlite"


Verb = Callable[[Transaction], object]


def note(name: str, value: str = "") -> Verb:
    return lambda tx: tx.insert_new("meta", ("name", "value"), [(name, value)])


def notes(database: Database) -> list[str]:
    rows = database.read(lambda tx: tx.read("SELECT name FROM meta ORDER BY name"))
    return [row[0] for row in rows.result(PATIENCE)]


def pragma(database: Database, text: str) -> int:
    """Sets a pragma of the writer's connection: as long as nothing reads, there is no other."""
    found = database.write(lambda tx: tx.read(f"PRAGMA {text}")).result(PATIENCE)
    return int(found[0][0]) if found else 0


def gathered(database: Database, *verbs: Verb) -> list[Future[object]]:
    """The futures of verbs that came together while the writer was held up."""
    begun, go_on = Event(), Event()

    def hold_up(_tx: Transaction) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    first = database.write(hold_up)
    assert begun.wait(PATIENCE)
    futures = [database.write(verb) for verb in verbs]
    go_on.set()
    first.result(PATIENCE)
    return futures


def errors(futures: list[Future[object]]) -> list[type[BaseException] | None]:
    found = [future.exception(PATIENCE) for future in futures]
    return [None if error is None else type(error) for error in found]


@contextmanager
def counted_commits(database: Database) -> Iterator[list[object]]:
    commits: list[object] = []

    def count(connection: object) -> None:
        commits.append(connection)

    event.listen(database._engine, "commit", count)
    yield commits
    event.remove(database._engine, "commit", count)


def broken(tx: Transaction) -> None:
    note("broken")(tx)
    raise LookupError


def refused(tx: Transaction) -> None:
    note("refused")(tx)
    tx.run("INSERT INTO job_attempts (job_id, attempt, outcome, ended_at) VALUES ('x', 1, 'y', 0)")


def no_such_table(tx: Transaction) -> None:
    note("no table")(tx)
    tx.run("DELETE FROM nowhere")


def test_verbs_that_came_together_share_one_commit_in_their_order(database: Database) -> None:
    seen: list[int] = []
    with counted_commits(database) as commits:
        futures = gathered(database, *(lambda _, n=n: seen.append(n) for n in range(20)))
        assert errors(futures) == [None] * 20
    assert seen == list(range(20))
    assert len(commits) == 2  # the one that was held up, then the twenty


def test_a_group_has_a_bound_so_that_the_first_does_not_wait_for_all(database: Database) -> None:
    with counted_commits(database) as commits:
        futures = gathered(database, *(note(str(n)) for n in range(100)))
        assert errors(futures) == [None] * 100
    assert len(commits) == 1 + 4


@pytest.mark.parametrize(
    ("bad", "error"),
    [(broken, LookupError), (refused, StoreDataError), (no_such_table, UnavailableError)],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_verbs_own_error_undoes_it_alone(
    database: Database, bad: Verb, error: type[Exception], place: int
) -> None:
    verbs = [note("a"), note("b")]
    verbs.insert(place, bad)
    found = errors(gathered(database, *verbs))
    assert found.pop(place) is error
    assert found == [None, None]
    assert notes(database) == ["a", "b"]


def test_nobody_is_answered_and_nothing_is_seen_before_the_commit(database: Database) -> None:
    begun, go_on = Event(), Event()

    def last(_tx: Transaction) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    first, second = gathered(database, note("a"), last)
    assert begun.wait(PATIENCE)
    assert not first.done()
    assert notes(database) == []  # and a reader is not held up by the writer
    go_on.set()
    second.result(PATIENCE)
    assert first.result(PATIENCE) == 1
    assert notes(database) == ["a"]


def test_what_was_answered_is_there_for_whoever_reads_next(database: Database) -> None:
    for n in range(50):
        database.write(note(f"{n:02}")).result(PATIENCE)
        assert notes(database)[-1] == f"{n:02}"


def test_a_full_disk_fails_the_whole_group_and_service_resumes(database: Database) -> None:
    pages = pragma(database, "page_count")
    pragma(database, f"max_page_count = {pages + 2}")
    futures = gathered(database, note("a"), note("b", "x" * 100_000), note("c"))
    assert errors(futures) == [UnavailableError] * 3
    assert "full" in str(futures[0].exception())
    # What fits still goes in: the writer lives, and the group before left nothing behind.
    assert database.write(note("small")).result(PATIENCE) == 1
    pragma(database, f"max_page_count = {pages + 1000}")
    assert errors(gathered(database, note("b", "x" * 100_000), note("c"))) == [None, None]
    assert notes(database) == ["b", "c", "small"]


def test_a_commit_that_fails_fails_its_whole_group_and_service_resumes(database: Database) -> None:
    """A foreign key that is checked at the commit stands for whatever may fail there."""
    tables = (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    for table in tables:
        database.write(lambda tx, table=table: tx.run(table)).result(PATIENCE)
    orphan: Verb = lambda tx: tx.run("INSERT INTO child VALUES (1)")  # noqa: E731
    found = errors(gathered(database, note("a"), orphan, note("b")))
    assert None not in found
    assert notes(database) == []
    assert errors(gathered(database, note("a"), note("b"))) == [None, None]
    assert notes(database) == ["a", "b"]


def test_a_database_that_another_process_holds_is_unavailable_until_it_lets_go(
    database: Database, tmp_path: Path
) -> None:
    pragma(database, "busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "0.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert errors([database.write(note("a"))]) == [UnavailableError]
    other.execute("ROLLBACK")
    other.close()
    assert database.write(note("b")).result(PATIENCE) == 1
    assert notes(database) == ["b"]


def test_a_fault_outside_the_database_fails_the_group_and_the_thread_lives_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(_connection: object) -> None:
        raise LookupError

    event.listen(database._engine, "commit", fault)
    futures = [database.write(note("a"))]
    assert errors(futures) == [UnavailableError]
    event.remove(database._engine, "commit", fault)
    assert [record.getMessage() for record in caplog.records] == ["group_commit_failed"]
    assert database.write(note("b")).result(PATIENCE) == 1
    assert notes(database) == ["b"]


def test_a_write_that_is_cancelled_before_its_turn_is_never_done(database: Database) -> None:
    begun, go_on = Event(), Event()

    def hold_up(_tx: Transaction) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    first = database.write(hold_up)
    assert begun.wait(PATIENCE)
    second, third = database.write(note("a")), database.write(note("b"))
    assert database.backlog() == 2
    assert second.cancel()
    assert not first.cancel()  # it has begun: what it does counts
    go_on.set()
    assert third.result(PATIENCE) == 1
    assert notes(database) == ["b"]


def test_closing_does_first_what_was_submitted_and_refuses_what_comes_after(
    make_database: MakeDatabase, clock: Clock
) -> None:
    database = make_database(clock)
    futures = [database.write(note(str(n))) for n in range(100)]
    database.close()
    assert errors(futures) == [None] * 100
    with pytest.raises(UnavailableError):
        database.write(note("late"))
    with pytest.raises(UnavailableError):
        database.read(lambda tx: tx.now())
    database.close()


def test_no_write_is_left_hanging_when_it_meets_the_closing(
    make_database: MakeDatabase, clock: Clock
) -> None:
    """The place between the question whether it is closed and the queue is held open here."""
    database = make_database(clock)
    entered, real = Event(), database._writer._tasks

    class Slow:
        def put(self, task: Any) -> None:
            if task is not None:
                entered.set()
                Event().wait(0.1)
            real.put(task)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    database._writer._tasks = Slow()
    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(database.write, note("a"))
        assert entered.wait(PATIENCE)
        closing = Thread(target=database.close)
        closing.start()
        assert submitted.result(PATIENCE).result(5) == 1
    closing.join(PATIENCE)
    assert not closing.is_alive()
