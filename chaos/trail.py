"""A trail in MySQL of every change of a job's state, written by a trigger in the same transaction.

What clients saw says what was promised; the trail says what happened, step by step. It tells, too,
what no client could see: a claim whose answer was lost, a job claimed while it ran.
"""

from typing import Any, NamedTuple

import pymysql

from jobhopper_core.model import ids
from jobhopper_core.model.times import SECOND
from jobhopper_core.store.mysql import connection_options

_TABLE = """
    CREATE TABLE chaos_trail (
        number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        id BINARY(16) NOT NULL,
        at BIGINT NOT NULL,
        status_before VARCHAR(16), status VARCHAR(16) NOT NULL,
        attempt_before INTEGER, attempt INTEGER NOT NULL,
        claim_before BINARY(16), claim_id BINARY(16),
        lease_before BIGINT)"""
_TRIGGER = """
    CREATE TRIGGER chaos_trail AFTER UPDATE ON jobs FOR EACH ROW
    IF NOT (NEW.status <=> OLD.status AND NEW.attempt <=> OLD.attempt
            AND NEW.claim_id <=> OLD.claim_id) THEN
        INSERT INTO chaos_trail (id, at, status_before, status, attempt_before, attempt,
                                 claim_before, claim_id, lease_before)
        VALUES (NEW.id, CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED), OLD.status,
                NEW.status, OLD.attempt, NEW.attempt, OLD.claim_id, NEW.claim_id,
                OLD.lease_until);
    END IF"""


class Change(NamedTuple):
    """One change of a job; times in seconds since 1970, claims in hex, None where there is none."""

    at: float
    status_before: str
    status: str
    attempt_before: int
    attempt: int
    claim_before: str | None
    claim: str | None
    lease_before: float | None

    def told(self, start: float) -> str:
        """The change as a line of a report, its times counted from `start`."""
        claim = "" if self.claim is None else f" by claim {self.claim[:8]}"
        steps = f"{self.status_before}/{self.attempt_before} -> {self.status}/{self.attempt}"
        return f"{self.at - start:8.3f}            in MySQL     {steps}{claim}"


def install(url: str) -> None:
    """Begins the trail in the database at `url`, which has its tables."""
    with pymysql.connect(**connection_options(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLE)
        cursor.execute(_TRIGGER)


def changes(cursor: Any) -> dict[str, list[Change]]:
    """The changes of each job, in their order."""
    cursor.execute(
        "SELECT id, at, status_before, status, attempt_before, attempt, claim_before, claim_id, "
        "lease_before FROM chaos_trail ORDER BY number"
    )
    found: dict[str, list[Change]] = {}
    for id_, at, before, status, was, attempt, claim_was, claim, lease in cursor:
        change = Change(
            at / SECOND,
            before,
            status,
            was,
            attempt,
            None if claim_was is None else claim_was.hex(),
            None if claim is None else claim.hex(),
            None if lease is None else lease / SECOND,
        )
        found.setdefault(ids.text(id_), []).append(change)
    return found
