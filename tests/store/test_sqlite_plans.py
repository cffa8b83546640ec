"""Query plans on SQLite: readers use the index that was made for them, whatever the table holds.

The statements are those that the verbs really send, caught on their way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

from jobhopper_core.model.job import Demand
from jobhopper_core.model.states import Status
from jobhopper_core.model.writes import Fail, Release, Succeed
from jobhopper_core.store.claim import claim
from jobhopper_core.store.database import Database
from jobhopper_core.store.due import due
from jobhopper_core.store.expire import expire
from jobhopper_core.store.idempotency import sweep
from jobhopper_core.store.list_jobs import Filters, list_jobs
from jobhopper_core.store.look_up import look_up, oldest_ready, top
from jobhopper_core.store.operate import Order, operate
from jobhopper_core.store.promote import promote
from jobhopper_core.store.queues import delete
from jobhopper_core.store.transaction import Transaction

from .steps import START, Store


@pytest.fixture
def kind() -> str:
    """SQLite alone."""
    return "sqlite"


Verb = Callable[[Transaction], object]
PRIMARY = "sqlite_autoindex_jobs_1"


@contextmanager
def caught(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The statements that run inside, with the parameters of one row each."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, sql: str, given: Any, _x: Any, many: bool) -> None:
        statements.append((sql, given[0] if many else given))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database._engine, "before_cursor_execute", note)


class Step(NamedTuple):
    """A step of a plan; the steps of one SELECT have one parent."""

    parent: tuple[str, int]
    says: str


def plans(store: Store, verb: Verb) -> list[Step]:
    """The steps of every plan of the statements on `jobs` that `verb` sends."""
    with caught(store.database) as statements:
        store.write(verb)
    on_jobs = [one for one in statements if "jobs " in one[0] and "INSERT" not in one[0]]
    assert on_jobs
    return [step for sql, given in on_jobs for step in explained(store, sql, given)]


def explained(store: Store, sql: str, given: Any) -> list[Step]:
    rows = store.read(lambda tx: tx.read(f"EXPLAIN QUERY PLAN {sql}", given))
    return [Step((sql, row[1]), row[3]) for row in rows]


def scans(steps: list[Step]) -> list[str]:
    return [step.says for step in steps if step.says.startswith("SCAN jobs")]


def sorts_of_jobs(steps: list[Step]) -> list[str]:
    """Where rows of the table are sorted; a subquery's page, cut by its LIMIT, may be."""
    reading = {step.parent for step in steps if step.says.startswith("SEARCH jobs")}
    return [s.says for s in steps if "TEMP B-TREE" in s.says and s.parent in reading]


@pytest.fixture
def filled(store: Store) -> Store:
    """A few jobs in every status, so that each verb finds something to do."""
    for n in range(8):
        store.create(priority=n % 3)
        store.create(run_at=START + n)
    store.clock.advance(1)
    for kind, claimed in zip([Succeed, Fail, Release], store.claim(3), strict=True):
        store.send(kind, claimed)
    store.claim(2, lease=1)
    store.clock.advance(60)
    return store


FIRST = "01000000-0000-7000-8000-000000000000"
VERBS: dict[str, tuple[Verb, set[str]]] = {
    "claim": (lambda tx: claim(tx, "mail", [Demand(2, None, None)]), {"jobs_ready", PRIMARY}),
    "top": (lambda tx: top(tx, "mail", 5), {"jobs_ready"}),
    "oldest ready": (lambda tx: oldest_ready(tx, "mail"), {"jobs_ready"}),
    "due, scheduled": (lambda tx: due(tx, 1, Status.SCHEDULED, START, 9), {"jobs_due"}),
    "due, running": (lambda tx: due(tx, 1, Status.RUNNING, START, 9), {"jobs_due"}),
    "list": (lambda tx: list_jobs(tx, Filters(), None, 50), {PRIMARY}),
    "list, going on": (lambda tx: list_jobs(tx, Filters(), FIRST, 50), {PRIMARY}),
    "list of a queue": (
        lambda tx: list_jobs(tx, Filters(queue="mail"), None, 50),
        {"jobs_list", PRIMARY},
    ),
    "list of a queue and status": (
        lambda tx: list_jobs(tx, Filters(queue="mail", status="failed"), FIRST, 50),
        {"jobs_list"},
    ),
    "list by the other filters": (
        lambda tx: list_jobs(tx, Filters(None, "failed", "t", 1, START, True, "x"), None, 50),
        {PRIMARY},
    ),
    "look up": (lambda tx: look_up(tx, FIRST), {PRIMARY}),
    "delete a queue": (lambda tx: delete(tx, "mail"), {"jobs_list"}),
}


def harmless(verb: Verb) -> Verb:
    """`verb`, for its statements alone: what it raises does not matter here."""

    def run(tx: Transaction) -> None:
        try:
            verb(tx)
        except Exception as error:
            if not error.__class__.__module__.startswith("jobhopper_core"):
                raise

    return run


@pytest.mark.parametrize(("verb", "indexes"), VERBS.values(), ids=VERBS)
def test_a_reader_uses_its_index_and_neither_scans_nor_sorts(
    filled: Store, verb: Verb, indexes: set[str]
) -> None:
    steps = plans(filled, harmless(verb))
    assert scans(steps) == []
    assert sorts_of_jobs(steps) == []
    used = {name for name in ("jobs_ready", "jobs_due", "jobs_list", PRIMARY) if name in str(steps)}
    assert used == indexes


def updates_of(store: Store) -> Verb:
    (claimed,) = store.claim()
    return store.applying(
        store.update(Succeed, claimed), store.update(Fail, claimed), store.new(id=claimed.id)
    )


def order_of(store: Store) -> Verb:
    id_ = store.create()
    return lambda tx: operate(tx, id_, Order(priority=1, silenced=True))


WRITERS: dict[str, Callable[[Store], Verb]] = {
    "apply": updates_of,
    "operate": order_of,
    "promote": lambda _: lambda tx: [promote(tx, shard, 10) for shard in range(4)],
    "expire": lambda s: lambda tx: [expire(tx, n, s.clock(), 10, lambda: 0.5) for n in range(4)],
}


@pytest.mark.parametrize("make", WRITERS.values(), ids=WRITERS)
def test_a_writer_finds_and_changes_rows_by_primary_key(
    filled: Store, make: Callable[[Store], Verb]
) -> None:
    verb = make(filled)
    steps = plans(filled, verb)
    assert scans(steps) == []
    assert sorts_of_jobs(steps) == []
    assert f"SEARCH jobs USING INDEX {PRIMARY} (id=?)" in {step.says for step in steps}


def test_a_scan_and_a_sort_would_be_noticed(filled: Store) -> None:
    steps = plans(filled, lambda tx: tx.read("SELECT * FROM jobs WHERE type = 't'"))
    assert scans(steps) == ["SCAN jobs"]
    sql = "SELECT id FROM jobs WHERE ready_queue = 'mail' ORDER BY type"
    assert sorts_of_jobs(plans(filled, lambda tx: tx.read(sql))) == ["USE TEMP B-TREE FOR ORDER BY"]


def test_the_sweep_of_old_keys_reads_its_index_in_order(store: Store) -> None:
    with caught(store.database) as statements:
        store.write(lambda tx: sweep(tx, 10))
    (select,) = [one for one in statements if one[0].startswith("SELECT")]
    (step,) = explained(store, *select)
    assert step.says.endswith("INDEX idempotency_expiry (expires_at<?)")
