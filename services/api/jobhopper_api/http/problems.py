"""Errors as problems (RFC 9457): the one place that maps the core's errors to HTTP."""

from http import HTTPStatus

import msgspec

from jobhopper_api.wire.answers import FieldError, Problem
from jobhopper_core import errors

CONTENT_TYPE = "application/problem+json"
_TYPE = "about:blank"
RETRY_AFTER_SECONDS = 1

# The first class that fits counts, so the special ones stand first.
_STATUS: tuple[tuple[type[errors.JobhopperError], int], ...] = (
    (errors.InvalidFieldError, 422),
    (errors.NotFoundError, 404),
    (errors.ConflictError, 409),
    (errors.UnavailableError, 503),
    (errors.StoreDataError, 422),
)


class RequestError(errors.JobhopperError):
    """A request that is wrong before its content matters: `status` and `code` say how."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def status_of(error: errors.JobhopperError) -> int:
    """The HTTP status that stands for an error."""
    if isinstance(error, RequestError):
        return error.status
    return next((status for type_, status in _STATUS if isinstance(error, type_)), 500)


def is_passing(error: errors.JobhopperError) -> bool:
    """Whether the same call may do better in a moment: it is answered with Retry-After."""
    return isinstance(error, errors.UnavailableError) or error.code == "not_yet_persisted"


def problem_of(error: errors.JobhopperError) -> Problem:
    """The problem that stands for an error."""
    status = status_of(error)
    if isinstance(error, errors.InvalidFieldError):
        found = FieldError(error.field, error.message)
        name = error.field or "The body"
        detail = error.message if not error.field else f"{name} {_lowered(error.message)}"
        return Problem(_TYPE, title(status), status, detail, error.code, [found])
    return Problem(_TYPE, title(status), status, str(error), error.code)


def encoded(status: int, code: str, detail: str) -> bytes:
    """A problem's body."""
    return msgspec.json.encode(Problem(_TYPE, title(status), status, detail, code))


def title(status: int) -> str:
    """The standard phrase of a status."""
    return HTTPStatus(status).phrase


def _lowered(message: str) -> str:
    # Messages of the decoder begin like a sentence; ours go on behind the field's name.
    return f"is wrong: {message}" if message[:1].isupper() else message
