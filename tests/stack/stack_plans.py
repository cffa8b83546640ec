"""How MySQL and MariaDB carry out each statement: the plan they made, and how much they read.

A plan alone can't tell all: of a join by primary key it names every partition, though the server
looks into one a row. What the server's own counters say is held against the rows asked for.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event
from stack_months import PARTITIONS

from jobhopper_core.store.server_database import ServerDatabase

_NAMED = re.compile(r"\b(jobs|job_attempts|queue_counts|idempotency_keys)\b")
_SCANS = {"ALL", "index"}
# What a row of a batch may cost: it is found, put by for the change and found again, and the batch
# is a table that is written and read. One look into each of 41 partitions is far beyond.
_A_ROW = 6


class Step(NamedTuple):
    """A line of a plan. `table` begins with `<` where it is one that the statement makes."""

    table: str
    partitions: int
    access: str
    key: str
    extra: str


class Statement(NamedTuple):
    """A statement, its plan, and how often the server took an entry of an index or a row."""

    text: str
    steps: list[Step]
    rows: int
    reads: int

    def __str__(self) -> str:
        lines = [f"{self.text[:90]} … {self.text[-60:]}", *map(str, self.steps)]
        return "\n".join((*lines, f"{self.rows} rows, {self.reads} reads"))


class _Watch:
    """Explains each statement on the large tables before it runs, and counts its reads."""

    def __init__(self, *, mariadb: bool) -> None:
        self.statements: list[Statement] = []
        self._how = "EXPLAIN PARTITIONS" if mariadb else "EXPLAIN FORMAT=TRADITIONAL"
        self._steps: list[Step] = []
        self._before = 0
        self._commits = False

    def before(self, _c: Any, cursor: Any, text: str, parameters: Any, *_: Any) -> None:
        if _NAMED.search(text):
            self._steps = self._explained(cursor, text, parameters)
            self._begin(cursor.connection)

    def after(self, _c: Any, cursor: Any, text: str, *_: Any) -> None:
        if _NAMED.search(text):
            self._note(cursor.connection, text, cursor.rowcount)

    def commit(self, connection: Any) -> None:
        # The counters are sent with the commit, past SQLAlchemy.
        self._steps, self._commits = [], True
        self._begin(connection.connection.driver_connection)

    def checkin(self, connection: Any, *_: Any) -> None:
        if self._commits:
            self._note(connection, "COMMIT", 0)
        self._commits = False

    def _explained(self, cursor: Any, text: str, parameters: Any) -> list[Step]:
        if text.startswith("INSERT"):
            # Of rows that are given, a plan tells nothing.
            return []
        cursor.execute(f"{self._how} {text}", parameters)
        names = [one[0] for one in cursor.description]
        lines = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return [_step(line) for line in lines if line["table"] is not None]

    def _begin(self, connection: Any) -> None:
        # The question itself reads a table of the server's: asked twice, it tells its own price.
        first, second = _reads(connection), _reads(connection)
        self._before = 2 * second - first

    def _note(self, connection: Any, text: str, rows: int) -> None:
        reads = _reads(connection) - self._before
        self.statements.append(Statement(text, self._steps, rows, reads))


@contextmanager
def watched(database: ServerDatabase) -> Iterator[list[Statement]]:
    """The statements on the large tables, and the commits, that run within the block."""
    engine = database._engine
    watch = _Watch(mariadb=bool(getattr(engine.dialect, "is_mariadb", False)))
    listeners = (
        ("before_cursor_execute", watch.before),
        ("after_cursor_execute", watch.after),
        ("commit", watch.commit),
        ("checkin", watch.checkin),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield watch.statements
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


def on(statements: Sequence[Statement], *beginnings: str) -> list[Statement]:
    """The statements that begin so; there has to be one of each."""
    found = [[one for one in statements if one.text.startswith(text)] for text in beginnings]
    assert all(found), (beginnings, [one.text[:40] for one in statements])
    return [one for some in found for one in some]


def queries(statements: Sequence[Statement]) -> list[Statement]:
    """All but the commits."""
    found = [one for one in statements if one.text != "COMMIT"]
    assert found
    return found


def check_by_key(statements: Sequence[Statement], rows: int, months: int = 0) -> None:
    """By primary key, in no more than so many months, reading little but the `rows` asked for.

    `months` is 0 for a table that has no partitions.
    """
    for one in queries(statements):
        for step in _on_tables(one):
            assert step.access not in _SCANS, one
            assert step.key == "PRIMARY", one
            # The months of a join show in what was read.
            assert step.access == "eq_ref" or step.partitions <= months, one
        _check_unsorted(one)
        assert one.reads <= _A_ROW * (rows + 1), one


def check_in_order(
    statements: Sequence[Statement], access: str, key: str, rows: int, *, pages: bool = False
) -> None:
    """In the order of the index `key`, from which the first `rows` of all partitions are taken.

    `access` is `ref` for all that a queue has, `range` for what begins or ends at a place: entries
    that the index itself passes over are in no count. Each branch of a UNION is such a walk. With
    `pages` its outcome, a page a branch, may be sorted.
    """
    for one in queries(statements):
        walks = _on_tables(one)
        for step in walks:
            assert (step.access, step.key) == (access, key), one
        _check_unsorted(one, pages=pages)
        # Each partition is entered, and left where it ends; a page is written and read.
        assert one.reads <= len(walks) * (2 * PARTITIONS + 3 * (rows + 1)), one


def _check_unsorted(one: Statement, *, pages: bool = False) -> None:
    """Nothing is sorted or gathered; with `pages`, only in the statement's own tables."""
    for step in _on_tables(one) if pages else one.steps:
        assert "filesort" not in step.extra, one
        assert "temporary" not in step.extra, one


def _on_tables(one: Statement) -> list[Step]:
    return [step for step in one.steps if not step.table.startswith("<")]


def _step(line: dict[str, Any]) -> Step:
    parts = line["partitions"]
    return Step(
        line["table"],
        len(parts.split(",")) if parts else 0,
        line["type"] or "",
        line["key"] or "",
        line["Extra"] or "",
    )


def _reads(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(number) for _, number in cursor.fetchall())
