"""The life cycle of a job, as data: the states and the moves between them.

Nothing else in Jobhopper decides a status. A move is looked up here by its verb and the
status it starts from; a pair that is not listed is refused. `docs/architecture.md` draws
the same table, and a test holds the two together.
"""

from enum import StrEnum


class Status(StrEnum):
    """Where a job is in its life."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})

# The order in which lists and tables name the statuses.
STATUSES = tuple(Status)


class Move(StrEnum):
    """The verbs that change a status."""

    PROMOTE = "promote"
    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY = "retry"
    RETRY_NOW = "retry_now"
    FAIL = "fail"
    RELEASE = "release"
    CANCEL = "cancel"
    REDRIVE = "redrive"
    POSTPONE = "postpone"
    ADVANCE = "advance"


# (move, status before) -> status after.
TRANSITIONS: dict[tuple[Move, Status], Status] = {
    (Move.PROMOTE, Status.SCHEDULED): Status.QUEUED,
    (Move.CLAIM, Status.QUEUED): Status.RUNNING,
    (Move.SUCCEED, Status.RUNNING): Status.SUCCEEDED,
    (Move.RETRY, Status.RUNNING): Status.SCHEDULED,
    (Move.RETRY_NOW, Status.RUNNING): Status.QUEUED,
    (Move.FAIL, Status.RUNNING): Status.FAILED,
    (Move.RELEASE, Status.RUNNING): Status.QUEUED,
    (Move.CANCEL, Status.SCHEDULED): Status.CANCELLED,
    (Move.CANCEL, Status.QUEUED): Status.CANCELLED,
    (Move.CANCEL, Status.RUNNING): Status.CANCELLED,
    (Move.REDRIVE, Status.FAILED): Status.QUEUED,
    (Move.REDRIVE, Status.CANCELLED): Status.QUEUED,
    (Move.POSTPONE, Status.QUEUED): Status.SCHEDULED,
    (Move.POSTPONE, Status.SCHEDULED): Status.SCHEDULED,
    (Move.ADVANCE, Status.QUEUED): Status.QUEUED,
    (Move.ADVANCE, Status.SCHEDULED): Status.QUEUED,
}


def target(move: Move, before: Status) -> Status | None:
    """The status that `move` leads to from `before`, or None where it is not allowed."""
    return TRANSITIONS.get((move, before))


def initial(run_at: int | None, now: int) -> Status:
    """The first status of a job: scheduled only when it is due later than `now` (both µs)."""
    return Status.SCHEDULED if run_at is not None and run_at > now else Status.QUEUED
