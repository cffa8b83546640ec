"""The columns that the verbs read, each list beside the function that makes sense of a row."""

from jobhopper_core.model import ids
from jobhopper_core.model.job import Job
from jobhopper_core.model.states import Status
from jobhopper_core.model.transitions import JobState
from jobhopper_core.store.dialect import Row

STATE = (
    "id, queue, status, priority, run_at, attempt, failures, max_attempts, silenced, claim_id, "
    "lease_until, started_at, worker, progress_at, updated_at, finished_at"
)

# A job without its payload and result, which lists leave out.
SUMMARY = (
    "id, queue, type, status, priority, run_at, attempt, failures, max_attempts, silenced, worker, "
    "lease_until, created_at, updated_at, finished_at, error, progress"
)
WHOLE = f"{SUMMARY}, payload, result"

# A look-up costs less than a tenth of the enumeration's own call, and batches have hundreds.
_STATUSES = {status.value: status for status in Status}


def state(row: Row) -> JobState:
    """A row of STATE."""
    claim_id = row[9]
    return JobState(
        id=ids.text(row[0]),
        queue=row[1],
        status=_STATUSES[row[2]],
        priority=row[3],
        run_at=row[4],
        attempt=row[5],
        failures=row[6],
        max_attempts=row[7],
        silenced=bool(row[8]),
        claim_id=claim_id.hex() if claim_id is not None else None,
        lease_until=row[10],
        started_at=row[11],
        worker=row[12],
        progress_at=row[13],
        updated_at=row[14],
        finished_at=row[15],
    )


def job(row: Row) -> Job:
    """A row of WHOLE."""
    found = Job._make(row)
    return found._replace(
        id=ids.text(row[0]), status=Status(found.status), silenced=bool(found.silenced)
    )


def summary(row: Row) -> Job:
    """A row of SUMMARY: a job whose payload and result were not read."""
    return job((*row, None, None))
