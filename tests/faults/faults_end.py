"""What MySQL holds at the end, compared with what was answered."""

import time
from typing import NamedTuple

import pymysql
from faults_traffic import Traffic

from jobhopper_core.store.mysql import connection_options

_PATIENCE = 12.0


class Row(NamedTuple):
    """A job as MySQL has it; `claims` are those that were not given back undelivered."""

    status: str
    claims: int
    result: str | None


_ROWS = """
    SELECT BIN_TO_UUID(id), status,
        attempt - (SELECT COUNT(*) FROM job_attempts WHERE job_id = id AND outcome = 'released'),
        result
    FROM jobs WHERE queue = %s"""


def rows(url: str, queue: str) -> dict[str, Row]:
    """Every job of a queue, by its id."""
    options = connection_options(url)
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(_ROWS, (queue,))
        return {id_: Row(*rest) for id_, *rest in cursor.fetchall()}


def await_all_done(traffic: Traffic, url: str) -> dict[str, Row]:
    """What MySQL holds once everything that was accepted is done, or the time is up."""
    traffic.drain()
    until = time.monotonic() + _PATIENCE
    while True:
        found = rows(url, traffic.queue)
        left = {id_ for id_, row in found.items() if row.status != "succeeded"}
        if not left - _undelivered(traffic, found) and set(found) >= traffic.accepted:
            return found
        if time.monotonic() > until:
            return found
        time.sleep(0.2)


def check_once(traffic: Traffic, found: dict[str, Row]) -> None:
    """Nothing accepted is lost, nothing was handed out twice, and each job has its one result."""
    assert set(found) == traffic.accepted
    assert {id_: n for id_, n in traffic.handed.items() if n > 1} == {}
    lost = _undelivered(traffic, found)
    # A claim that was refused after it was committed: its jobs come back when their leases end.
    failed = sum(one.kind == "claim" and one.status != 200 for one in traffic.calls.made)
    assert len(lost) <= failed * 2, (lost, failed)
    assert all(found[id_].claims == 1 for id_ in lost)
    wanted = {id_: Row("succeeded", 1, f'"{result}"') for id_, result in traffic.results.items()}
    rest = {id_: row for id_, row in found.items() if id_ not in lost}
    wrong = {id_: (rest.get(id_), wanted.get(id_)) for id_ in rest.keys() | wanted.keys()}
    assert {id_: pair for id_, pair in wrong.items() if pair[0] != pair[1]} == {}


def _undelivered(traffic: Traffic, found: dict[str, Row]) -> set[str]:
    """Jobs that are claimed, and that nobody was handed."""
    return {
        id_ for id_, row in found.items() if row.status == "running" and id_ not in traffic.handed
    }
