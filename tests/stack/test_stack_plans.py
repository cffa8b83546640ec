"""How MySQL and MariaDB find rows in a table of 36 months: by index, in few partitions."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest
from pruner.table import Table
from sqlalchemy import Engine, event
from store.servers import emptied

from jobhopper_core.model import ids
from jobhopper_core.model.job import Demand
from jobhopper_core.model.states import Status
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import due, find, list_jobs, look_up, partitions, refill
from jobhopper_core.store.claim import claim
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.list_jobs import Filters
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.silence import Cutoffs, Undo, chunk_end, silence, unsilence
from jobhopper_core.store.transaction import Transaction

pytestmark = pytest.mark.slow

_MONTHS = 36


class Step(NamedTuple):
    """A line of a plan."""

    statement: str
    table: str
    partitions: list[str]
    access: str
    key: str
    rows: int
    extra: str


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Iterator[ServerDatabase]:
    url = emptied(request.getfixturevalue(f"{request.param}_url"), 79)
    made = open_mysql(url, slot=0, threads=1)
    made.write(_spread).result()
    table = Table(made)
    for month in range(_MONTHS):
        table.add(3_000, "big", "succeeded", age=30.4 * month + 1)
        table.add(300, "big", "queued", age=30.4 * month + 1)
        table.add(100, f"small{month % 9}", "scheduled", age=30.4 * month + 1, due_in=1)
    made.write(lambda tx: [tx.read(f"ANALYZE TABLE {t}") for t, _ in partitions.TABLES]).result()
    yield made
    made.close()


def _spread(tx: Transaction) -> None:
    """Gives the tables partitions for the 36 months that have passed, too."""
    now = partitions.month_of(tx.now())
    first = partitions.later(now, -_MONTHS)
    for table, column in partitions.TABLES:
        tx.run(f"ALTER TABLE {table} REMOVE PARTITIONING")
        months = _MONTHS + partitions.AHEAD + 1
        tx.run(f"ALTER TABLE {table} {partitions.clause(column, first, months)}")


@contextmanager
def plans_of(database: ServerDatabase) -> Iterator[list[Step]]:
    """The plans of all statements on jobs that run within the block."""
    engine: Engine = database._engine
    steps: list[Step] = []
    inside = False

    def explain(_c: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        nonlocal inside
        if inside or " jobs" not in statement or statement.startswith("EXPLAIN"):
            return
        inside = True
        mariadb = engine.dialect.is_mariadb
        how = "EXPLAIN PARTITIONS" if mariadb else "EXPLAIN FORMAT=TRADITIONAL"
        cursor.execute(f"{how} {statement}", parameters)
        names = [one[0] for one in cursor.description]
        for row in cursor.fetchall():
            one = dict(zip(names, row, strict=True))
            if one["table"] is not None:
                parts = (one["partitions"] or "").split(",")
                steps.append(
                    Step(
                        statement[:60],
                        one["table"],
                        parts,
                        one["type"] or "",
                        one["key"] or "",
                        int(one["rows"] or 0),
                        one["Extra"] or "",
                    )
                )
        inside = False

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def on_jobs(steps: list[Step]) -> list[Step]:
    found = [one for one in steps if one.table in {"jobs", "j"}]
    assert found
    return found


def check_hot(steps: list[Step], key: str, partitions_max: int = _MONTHS * 2) -> None:
    """By `key`, without a scan or a sort, in no more than so many partitions."""
    for one in on_jobs(steps):
        assert one.access not in {"ALL", "index"}, one
        assert one.key in {key, "PRIMARY"}, one
        assert "filesort" not in one.extra, one
        assert "temporary" not in one.extra, one
        assert len(one.partitions) <= partitions_max, one


@pytest.fixture(scope="module")
def some(database: ServerDatabase) -> list[str]:
    """Ids of one month."""
    sql = "SELECT id FROM jobs WHERE ready_queue = 'big' ORDER BY priority, run_at, id LIMIT 50"
    return [ids.text(row[0]) for row in database.read(lambda tx: tx.read(sql)).result()]


def test_a_claim_by_known_ids_reads_their_month(database: ServerDatabase) -> None:
    with plans_of(database) as steps:
        verb = lambda tx: claim(tx, "big", [Demand(5, 60 * SECOND, None), Demand(2, SECOND, "w")])  # noqa: E731
        assert sum(map(len, database.write(verb).result().jobs)) == 7
    reads = [one for one in steps if one.statement.startswith("SELECT")]
    check_hot(reads, "jobs_ready")
    check_hot([one for one in steps if one.statement.startswith("UPDATE")], "PRIMARY")


def test_silencing_walks_the_primary_key(database: ServerDatabase, some: list[str]) -> None:
    first, cutoffs = ids.raw(some[0])[:6] + bytes(10), Cutoffs(usual=0, special={"big": 1})
    end = database.run(partial(chunk_end, after=bytes(16), below=b"\xff" * 16, size=500))
    assert end is not None
    with plans_of(database) as steps:
        database.run(partial(chunk_end, after=first, below=b"\xff" * 16, size=500))
        for dry_run in (True, False):
            verb = partial(silence, after=first, last=end[0], cutoffs=cutoffs, dry_run=dry_run)
            database.run(verb)
        database.run(partial(unsilence, after=first, last=end[0], undo=Undo(queue="none")))
    for one in on_jobs(steps):
        assert (one.access, one.key) == ("range", "PRIMARY"), one
        assert "filesort" not in one.extra, one


def test_finding_and_changing_read_the_months_of_the_ids(
    database: ServerDatabase, some: list[str]
) -> None:
    with plans_of(database) as steps:
        database.read(lambda tx: find.find(tx, some)).result()
        database.read(lambda tx: look_up.look_up(tx, some[0])).result()
        database.read(lambda tx: refill.ready_by_id(tx, some)).result()
    check_hot(steps, "PRIMARY", 2)
    with plans_of(database) as steps:
        order = Order(priority=4)
        database.write(lambda tx: operate(tx, some[20], order)).result()
    check_hot(steps, "PRIMARY", 2)


def test_the_ready_index_gives_the_next_jobs_in_order(
    database: ServerDatabase, some: list[str]
) -> None:
    with plans_of(database) as steps:
        page = database.read(lambda tx: refill.next_ready(tx, "big", 500, None, 1 << 20)).result()
        last = page.jobs[400]
        at = refill.Position(last.priority, last.run_at, last.id, after=True)
        database.read(lambda tx: refill.next_ready(tx, "big", 100, at, 1 << 20)).result()
        database.read(lambda tx: look_up.top(tx, "big", 10)).result()
        database.read(lambda tx: look_up.oldest_ready(tx, "big")).result()
    check_hot(steps, "jobs_ready")


def test_what_is_due_is_found_by_its_index(database: ServerDatabase) -> None:
    with plans_of(database) as steps:
        for status in (Status.SCHEDULED, Status.RUNNING):
            verb = lambda tx, s=status: due.due(tx, 1, s, tx.now(), 500)  # noqa: E731
            database.read(verb).result()
    check_hot(steps, "jobs_due")


@pytest.mark.parametrize(
    ("filters", "key"),
    [
        (Filters(queue="big", status="succeeded"), "jobs_list"),
        (Filters(queue="big"), "jobs_list"),
        (Filters(), "PRIMARY"),
        (Filters(status="queued"), "PRIMARY"),
    ],
)
def test_lists_walk_an_index(database: ServerDatabase, filters: Filters, key: str) -> None:
    with plans_of(database) as steps:
        page = database.read(lambda tx: list_jobs.list_jobs(tx, filters, None, 50)).result()
        assert len(page.jobs) == 50
    for one in on_jobs(steps):
        assert one.access != "ALL", one
        assert one.key in {key, "PRIMARY"}, one
    # Ids of a page are sorted, a page of them and no more.
    sorted_ = [one for one in on_jobs(steps) if "filesort" in one.extra]
    assert all("IN (" in one.statement or one.rows <= 1_000 for one in sorted_), sorted_
