"""The first schema: jobs, attempts, counts, queues, keys, idempotency, shards, prune runs, meta.

Times are BIGINT microseconds since 1970 (UTC); ids are the 16 bytes of a UUIDv7, so rows stand
in time order. Each index is named for its reader. The column types are MySQL's; SQLite reads
them as its own.
"""

import time
from functools import partial

from alembic import op

from jobhopper_core.store import partitions
from jobhopper_migrator.do import do

revision = "0001"
down_revision = None

JOBS = """
    CREATE TABLE jobs (
        id BINARY(16) NOT NULL PRIMARY KEY,
        shard SMALLINT NOT NULL,
        queue VARCHAR(128) NOT NULL,
        type VARCHAR(128) NOT NULL,
        status VARCHAR(16) NOT NULL,
        priority TINYINT NOT NULL,
        run_at BIGINT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        max_attempts INTEGER NOT NULL,
        silenced TINYINT NOT NULL DEFAULT 0,
        ready_queue VARCHAR(128),
        due_at BIGINT,
        claim_id BINARY(16),
        lease_until BIGINT,
        started_at BIGINT,
        worker VARCHAR(128),
        progress_at BIGINT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        finished_at BIGINT,
        traceparent VARCHAR(128),
        progress TEXT,
        error TEXT,
        payload LONGTEXT,
        result LONGTEXT,
        CONSTRAINT id_is_uuid CHECK (LENGTH(id) = 16),
        CONSTRAINT status_is_known CHECK (
            status IN ('scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled')),
        CONSTRAINT priority_in_range CHECK (priority BETWEEN 0 AND 9),
        CONSTRAINT max_attempts_in_range CHECK (max_attempts BETWEEN 1 AND 100),
        CONSTRAINT silenced_is_flag CHECK (silenced IN (0, 1)),
        CONSTRAINT final_has_finished_at CHECK (
            (finished_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled'))),
        CONSTRAINT running_has_lease CHECK (
            (lease_until IS NOT NULL) = (status = 'running')
            AND (claim_id IS NOT NULL) = (status = 'running')),
        CONSTRAINT ready_is_queued CHECK (
            (ready_queue IS NOT NULL) = (status = 'queued' AND silenced = 0)),
        CONSTRAINT due_has_timer CHECK (
            (due_at IS NOT NULL)
            = (status = 'running' OR (status = 'scheduled' AND silenced = 0))),
        CONSTRAINT running_is_heard CHECK (status <> 'running' OR silenced = 0)
    )"""

ATTEMPTS = """
    CREATE TABLE job_attempts (
        job_id BINARY(16) NOT NULL,
        attempt INTEGER NOT NULL,
        outcome VARCHAR(16) NOT NULL,
        error TEXT,
        worker VARCHAR(128),
        started_at BIGINT,
        ended_at BIGINT NOT NULL,
        PRIMARY KEY (job_id, attempt),
        CONSTRAINT outcome_is_known CHECK (outcome IN ('failed', 'expired', 'released'))
    )"""

# What is small and not partitioned.
OTHERS = (
    """
    CREATE TABLE queue_counts (
        queue VARCHAR(128) NOT NULL,
        slot SMALLINT NOT NULL,
        status VARCHAR(16) NOT NULL,
        n BIGINT NOT NULL,
        PRIMARY KEY (queue, slot, status)
    )""",
    """
    CREATE TABLE queues (
        name VARCHAR(128) NOT NULL PRIMARY KEY,
        paused TINYINT NOT NULL DEFAULT 0,
        settings TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL
    )""",
    """
    CREATE TABLE api_keys (
        id VARCHAR(32) NOT NULL PRIMARY KEY,
        name VARCHAR(128) NOT NULL,
        digest BINARY(32) NOT NULL,
        scopes TEXT NOT NULL,
        created_at BIGINT NOT NULL
    )""",
    """
    CREATE TABLE idempotency_keys (
        digest BINARY(32) NOT NULL PRIMARY KEY,
        first_id BINARY(16) NOT NULL,
        count INTEGER NOT NULL,
        body BINARY(32) NOT NULL,
        expires_at BIGINT NOT NULL
    )""",
    """
    CREATE TABLE shards (
        lane VARCHAR(8) NOT NULL,
        shard SMALLINT NOT NULL,
        tick BIGINT NOT NULL DEFAULT 0,
        applied_at BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (lane, shard)
    )""",
    """
    CREATE TABLE suspects (
        message_id VARCHAR(64) NOT NULL PRIMARY KEY,
        lane VARCHAR(8) NOT NULL,
        shard SMALLINT NOT NULL,
        deaths INTEGER NOT NULL,
        seen_at BIGINT NOT NULL
    )""",
    """
    CREATE TABLE prune_runs (
        id BIGINT NOT NULL PRIMARY KEY,
        started_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        finished_at BIGINT,
        cutoff BIGINT NOT NULL,
        position BINARY(16) NOT NULL,
        seen BIGINT NOT NULL DEFAULT 0,
        silenced BIGINT NOT NULL DEFAULT 0,
        unfinished BIGINT NOT NULL DEFAULT 0
    )""",
    "CREATE TABLE meta (name VARCHAR(64) NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
)

LIST_INDEX = "CREATE INDEX jobs_list ON jobs (queue, status, id)"
EXPIRY_INDEX = "CREATE INDEX idempotency_expiry ON idempotency_keys (expires_at)"
READY_INDEX = "CREATE INDEX jobs_ready ON jobs (ready_queue, priority, run_at, id)"
DUE_INDEX = "CREATE INDEX jobs_due ON jobs (shard, due_at)"

_SERVER = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"


def upgrade() -> None:
    """Makes the tables."""
    connection = op.get_bind()
    statements = _sqlite() if connection.dialect.name == "sqlite" else _server()
    for statement in statements:
        do(connection, statement)


def _sqlite() -> list[str]:
    # Here NULLs in an index cost as much as values, so finished jobs are kept out of it.
    ready = f"{READY_INDEX} WHERE ready_queue IS NOT NULL"
    due = f"{DUE_INDEX} WHERE due_at IS NOT NULL"
    others = [f"{table} WITHOUT ROWID" for table in OTHERS]
    return [JOBS, ATTEMPTS, *others, LIST_INDEX, EXPIRY_INDEX, ready, due]


def _server() -> list[str]:
    first = partitions.month_of(time.time_ns() // 1000)
    by_month = partial(partitions.clause, first=first, months=partitions.AHEAD + 1)
    tables = [
        f"{JOBS}{_SERVER}{by_month('id')}",
        f"{ATTEMPTS}{_SERVER}{by_month('job_id')}",
        *(f"{table}{_SERVER}" for table in OTHERS),
    ]
    return [*tables, LIST_INDEX, EXPIRY_INDEX, READY_INDEX, DUE_INDEX]
