"""What is in MySQL when all is over."""

from typing import Any, NamedTuple

import pymysql

from chaos import trail
from chaos.trail import Change
from jobhopper_core.model import ids
from jobhopper_core.model.times import SECOND
from jobhopper_core.store.mysql import connection_options

_ROWS = (
    "SELECT id, queue, status, attempt, failures, max_attempts, silenced, priority, run_at, "
    "payload, result FROM jobs"
)
_ENDS = "SELECT job_id, attempt, outcome, error, ended_at FROM job_attempts"
_COUNTED = (
    "SELECT queue, IF(silenced, 'silenced', status) AS stands, COUNT(*) FROM jobs "
    "GROUP BY queue, stands"
)
_KEPT = "SELECT queue, status, SUM(n) FROM queue_counts GROUP BY queue, status HAVING SUM(n) <> 0"


class Row(NamedTuple):
    """A job as it stands in MySQL; `payload` and `result` are JSON text."""

    id: str
    queue: str
    status: str
    attempt: int
    failures: int
    max_attempts: int
    silenced: bool
    priority: int
    run_at: int
    payload: str
    result: str | None


class End(NamedTuple):
    """The end of an unsuccessful attempt; `at` in seconds since 1970."""

    outcome: str
    error: str | None
    at: float


class Final(NamedTuple):
    """The rows by id, the ends by (id, attempt), the trail of each job, and both ways to count."""

    rows: dict[str, Row]
    ends: dict[tuple[str, int], End]
    trail: dict[str, list[Change]]
    counted: dict[tuple[str, str], int]
    kept: dict[tuple[str, str], int]


def read_final(url: str) -> Final:
    """Everything, in one snapshot."""
    with pymysql.connect(**connection_options(url)) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        return Final(
            {row.id: row for row in rows(cursor)},
            _ends(cursor),
            trail.changes(cursor),
            _sums(cursor, _COUNTED),
            _sums(cursor, _KEPT),
        )


def rows(cursor: Any) -> list[Row]:
    """All jobs."""
    cursor.execute(_ROWS)
    return [
        Row(ids.text(id_), queue, status, attempt, failures, most, bool(silenced), *rest)
        for id_, queue, status, attempt, failures, most, silenced, *rest in cursor
    ]


def _ends(cursor: Any) -> dict[tuple[str, int], End]:
    cursor.execute(_ENDS)
    return {
        (ids.text(id_), attempt): End(outcome, error, at / SECOND)
        for id_, attempt, outcome, error, at in cursor
    }


def _sums(cursor: Any, sql: str) -> dict[tuple[str, str], int]:
    cursor.execute(sql)
    return {(queue, status): int(n) for queue, status, n in cursor}
