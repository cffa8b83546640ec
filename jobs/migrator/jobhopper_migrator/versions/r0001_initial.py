"""The first schema: jobs, attempts, counts, queues, keys, idempotency, meta.

Times are BIGINT microseconds since 1970 (UTC); ids are the 16 bytes of a UUIDv7, so rows stand
in time order. Each index is named for its reader.
"""

from alembic import op

revision = "0001"
down_revision = None

SQLITE = (
    """
    CREATE TABLE jobs (
        id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        shard INTEGER NOT NULL,
        queue TEXT NOT NULL,
        type TEXT NOT NULL,
        status TEXT NOT NULL CHECK (
            status IN ('scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled')),
        priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
        run_at INTEGER NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
        silenced INTEGER NOT NULL DEFAULT 0 CHECK (silenced IN (0, 1)),
        ready_queue TEXT,
        due_at INTEGER,
        claim_id BLOB,
        lease_until INTEGER,
        started_at INTEGER,
        worker TEXT,
        progress_at INTEGER,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        finished_at INTEGER,
        traceparent TEXT,
        progress TEXT,
        error TEXT,
        payload TEXT,
        result TEXT,
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
    )
    """,
    """
    CREATE INDEX jobs_ready ON jobs (ready_queue, priority, run_at, id)
    WHERE ready_queue IS NOT NULL
    """,
    "CREATE INDEX jobs_due ON jobs (shard, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX jobs_list ON jobs (queue, status, id)",
    """
    CREATE TABLE job_attempts (
        job_id BLOB NOT NULL,
        attempt INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('failed', 'expired', 'released')),
        error TEXT,
        worker TEXT,
        started_at INTEGER,
        ended_at INTEGER NOT NULL,
        PRIMARY KEY (job_id, attempt)
    )
    """,
    """
    CREATE TABLE queue_counts (
        queue TEXT NOT NULL,
        slot INTEGER NOT NULL,
        status TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (queue, slot, status)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE queues (
        name TEXT NOT NULL PRIMARY KEY,
        paused INTEGER NOT NULL DEFAULT 0,
        settings TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE api_keys (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        digest BLOB NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE idempotency_keys (
        digest BLOB NOT NULL PRIMARY KEY,
        first_id BLOB NOT NULL,
        count INTEGER NOT NULL,
        body BLOB NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX idempotency_expiry ON idempotency_keys (expires_at)",
    "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


def upgrade() -> None:
    """Makes the tables."""
    for statement in SQLITE:
        op.execute(statement)
