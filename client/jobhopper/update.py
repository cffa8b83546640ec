"""What a worker says of a job that it holds, and what the server says to that."""

from dataclasses import dataclass, field

from jobhopper.claimed_job import ClaimedJob
from jobhopper.errors import ApiError
from jobhopper.json_text import Json


@dataclass(frozen=True, slots=True)
class Update:
    """A change to one claimed job; the functions below make them.

    The lease token is added when the update is sent, so that it is the newest.
    """

    job: ClaimedJob
    fields: dict[str, Json] = field(repr=False)

    def to_wire(self) -> dict[str, Json]:
        """The body of a PATCH."""
        return {"lease": self.job.lease.token, **self.fields}


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """The server's judgement on one update of many: `refused` is None when it counts.

    `refused` is mostly a LeaseLost.
    """

    job: ClaimedJob
    refused: ApiError | None


def success(job: ClaimedJob, result: Json = None) -> Update:
    """The job is done; `result` is any JSON up to 256 KiB."""
    return Update(job, {"status": "succeeded", "result": result})


def failure(
    job: ClaimedJob, error: Json, *, retry_in: float | None = None, retry: bool = True
) -> Update:
    """The attempt failed; `error` is a string or an object, up to 16 KiB as JSON.

    Another attempt follows while there are any left, after `retry_in` seconds, else after the
    queue's backoff; with `retry=False` there is none.
    """
    fields: dict[str, Json] = {"status": "failed", "error": error}
    if retry_in is not None:
        fields["retry_in"] = retry_in
    if not retry:
        fields["retry"] = False
    return Update(job, fields)


def giving_back(job: ClaimedJob) -> Update:
    """The job goes back to its place, undone; that counts as no failure."""
    return Update(job, {"status": "queued"})


def extension(job: ClaimedJob, seconds: int) -> Update:
    """The lease ends no sooner than `seconds` (1 to 43,200) from now."""
    return Update(job, {"extend": seconds})


def progress_report(job: ClaimedJob, progress: Json) -> Update:
    """How far the work has come: any JSON up to 4 KiB."""
    return Update(job, {"progress": progress})
