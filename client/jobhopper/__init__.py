"""Jobhopper: a job queue over HTTP. This is its client for Python.

Producer:

    with Client() as client:
        client.create("mail", "welcome", {"to": "ada@example.com"})

Worker:

    Worker(Client(), ["mail"], handlers={"welcome": send_welcome}).run()

`jobhopper.errors` holds everything that can go wrong.
"""

from jobhopper.claimed_job import ClaimedJob
from jobhopper.client import Client
from jobhopper.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    FieldError,
    Forbidden,
    Invalid,
    InvalidArgument,
    JobhopperError,
    LeaseLost,
    NoAnswer,
    NotFound,
    PartlyCreated,
    TLSFailed,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    WaitTimedOut,
)
from jobhopper.job import Attempt, Job
from jobhopper.lease import Lease
from jobhopper.new_job import NewJob
from jobhopper.queue_info import Queue
from jobhopper.update import (
    Update,
    UpdateOutcome,
    extension,
    failure,
    giving_back,
    progress_report,
    success,
)
from jobhopper.version import __version__
from jobhopper.worker import Fail, Handler, Retry, Worker

__all__ = [
    "ApiError",
    "Attempt",
    "ClaimedJob",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Fail",
    "FieldError",
    "Forbidden",
    "Handler",
    "Invalid",
    "InvalidArgument",
    "Job",
    "JobhopperError",
    "Lease",
    "LeaseLost",
    "NewJob",
    "NoAnswer",
    "NotFound",
    "PartlyCreated",
    "Queue",
    "Retry",
    "TLSFailed",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Update",
    "UpdateOutcome",
    "WaitTimedOut",
    "Worker",
    "__version__",
    "extension",
    "failure",
    "giving_back",
    "progress_report",
    "success",
]
