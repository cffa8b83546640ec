"""An answer that is no success becomes the error that says what to do."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from jobhopper import errors
from jobhopper.problem import LEASE_LOST_CODES, error_of


def _error(status: int, document: Any, **headers: str) -> errors.ApiError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(status, named, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", errors.Unauthorized),
        (403, "forbidden", errors.Forbidden),
        (404, "not_found", errors.NotFound),
        (409, "wrong_status", errors.Conflict),
        (413, "too_large", errors.Invalid),
        (422, "invalid", errors.Invalid),
        (422, "lease_invalid", errors.Invalid),
        (502, "", errors.Unavailable),
        (503, "unavailable", errors.Unavailable),
        (405, "method_not_allowed", errors.ApiError),
        (500, "internal", errors.ApiError),
        *((409, code, errors.LeaseLost) for code in sorted(LEASE_LOST_CODES)),
    ],
)
def test_kind(status: int, code: str, kind: type[errors.ApiError]) -> None:
    error = _error(status, {"code": code, "detail": "d"} if code else {})
    assert type(error) is kind
    assert error.status == status
    assert error.code == (code or f"http_{status}")


def test_a_lost_lease_is_a_conflict_too() -> None:
    assert issubclass(errors.LeaseLost, errors.Conflict)


def test_fields_and_message() -> None:
    error = _error(
        422,
        {
            "code": "invalid",
            "detail": "The body has a wrong field.",
            "errors": [{"field": "/jobs/3/priority", "message": "must be 0 to 9"}],
        },
    )
    assert error.errors == [errors.FieldError("/jobs/3/priority", "must be 0 to 9")]
    assert str(error) == (
        "The body has a wrong field. [invalid] (/jobs/3/priority: must be 0 to 9)"
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>502 Bad Gateway</html>", b"[]", b'"x"', b"\xff", b'{"errors": [3, null]}']
)
def test_an_answer_of_something_else(body: bytes) -> None:
    error = error_of(502, {}, body)
    assert isinstance(error, errors.Unavailable)
    assert error.code == "http_502"
    assert "502" in str(error)


def test_retry_after_in_seconds() -> None:
    assert _error(503, {}, Retry_After="7").retry_after == 7
    assert _error(503, {}).retry_after is None
    assert _error(503, {}, Retry_After="soon").retry_after is None


def test_retry_after_as_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    found = _error(503, {}, Retry_After=when).retry_after
    assert found is not None
    assert 27 < found <= 30
    assert _error(503, {}, Retry_After="Wed, 01 Jan 2020 00:00:00 GMT").retry_after == 0
