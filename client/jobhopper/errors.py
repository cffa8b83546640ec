"""Every error that this package raises on purpose; `JobhopperError` catches them all.

JobhopperError
├── InvalidArgument        a value that can't be sent; nothing was sent
├── ConnectionFailed       no answer came
│   └── NoAnswer           the connection stood, but the time was up
├── UnexpectedAnswer       what answered does not speak Jobhopper's API
├── WaitTimedOut           a job had not finished when the time was up
├── PartlyCreated          a long list of jobs was created up to some place
└── ApiError               the server refused, with status, code and detail
    ├── Unauthorized       401: no key, or one that is not known
    ├── Forbidden          403: the key may not do this
    ├── NotFound           404
    ├── Conflict           409: not in the state that the object is in
    │   └── LeaseLost      409: the claim that an update belongs to has ended
    ├── Invalid            400, 413, 422: the server refused a value
    └── Unavailable        502, 503, 504: try again later
"""
# ruff: noqa: N818 - a name says what happened; all of them are errors.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobhopper.job import Job


class JobhopperError(Exception):
    """The root of all errors raised on purpose."""


class InvalidArgument(JobhopperError, ValueError):
    """A value that can't be sent; nothing was sent."""


class ConnectionFailed(JobhopperError):
    """No answer came from `url`; the message names the remedy.

    `sent` says whether the request may have reached the server: False means that nothing
    was done there, True that nobody here knows.
    """

    problem = "can't reach"
    remedy = 'start a server with "jobhopper dev", or name another one in JOBHOPPER_URL'

    def __init__(self, url: str, reason: str, *, sent: bool) -> None:
        super().__init__(f"{self.problem} {url} ({reason}): {self.remedy}")
        self.url = url
        self.sent = sent


class NoAnswer(ConnectionFailed):
    """The connection stood, but no whole answer came in time."""

    problem = "no answer from"
    remedy = "ask its /readyz whether it is healthy, or allow more time"


class TLSFailed(ConnectionFailed):
    """The encrypted connection could not be made; trying again would not help."""

    problem = "no safe connection to"
    remedy = "does the URL begin with https rightly, and is the certificate trusted here?"


class UnexpectedAnswer(JobhopperError):
    """What answered does not speak Jobhopper's API; the URL may be another service's."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} does not answer like a Jobhopper server: {reason}")
        self.url = url


class WaitTimedOut(JobhopperError, TimeoutError):
    """A job had not finished when the time was up; `job` is the job as it was then."""

    def __init__(self, job: "Job", seconds: float) -> None:
        super().__init__(f"job {job.id} is still {job.status} after {seconds:g} s")
        self.job = job


class PartlyCreated(JobhopperError):
    """A long list of jobs was created up to some place; the cause says what stopped it.

    `ids` are those of the first `len(ids)` jobs, which are safe. Whether the request after
    them took effect is known unless the cause is a `ConnectionFailed` that was sent.
    """

    def __init__(self, ids: Sequence[str], total: int, cause: JobhopperError) -> None:
        super().__init__(f"created {len(ids)} of {total} jobs, then: {cause}")
        self.ids = list(ids)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field: `field` is a JSON pointer into the body or a parameter's name."""

    field: str
    message: str


class ApiError(JobhopperError):
    """The server refused: HTTP `status`, stable `code`, `detail` for people, `errors` by field.

    `retry_after` is the server's wish in seconds, or None. `repeated` is True when an earlier
    try of the same call was sent but not answered: it may be that one which took effect.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(_sentence(code, detail, errors))
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.retry_after = retry_after
        self.repeated = False


class Unauthorized(ApiError):
    """401: there is no key, or the server does not know it; set JOBHOPPER_KEY."""


class Forbidden(ApiError):
    """403: the key is known, but its scopes or queues do not cover the call."""


class NotFound(ApiError):
    """404: what was named does not exist."""


class Conflict(ApiError):
    """409: the call can't be done in the state that its object is in; `code` says why."""


class LeaseLost(Conflict):
    """409: an update did not count, because the claim that it belongs to has ended.

    `code`: `lease_expired`, `cancelled`, `stale_claim` (claimed again), `not_running`.
    """


class Invalid(ApiError):
    """400, 413, 422: the server refused a value; `errors` names the fields."""


class Unavailable(ApiError):
    """502, 503, 504: a store or the server is away.

    With the code `outcome_unknown` the call may have taken effect, otherwise it did not.
    """


def _sentence(code: str, detail: str, errors: Sequence[FieldError]) -> str:
    told = (error for error in errors if error.message not in detail)
    fields = "; ".join(f"{error.field}: {error.message}" for error in told)
    return f"{detail or code} [{code}]" + (f" ({fields})" if fields else "")
