"""Turns an answer that is not a success into the error that stands for it (RFC 9457)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from jobhopper.errors import (
    ApiError,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    LeaseLost,
    NotFound,
    Unauthorized,
    Unavailable,
)

LEASE_LOST_CODES = frozenset({"lease_expired", "cancelled", "stale_claim", "not_running"})

_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for an answer with `status` 300 or above.

    An answer without a problem document, say a proxy's, gets the code `http_<status>`.
    """
    document = _document(body)
    code = _text(document, "code") or f"http_{status}"
    detail = _text(document, "detail") or _text(document, "title") or f"the server said {status}"
    return _class_of(status, code)(
        status, code, detail, _field_errors(document), _seconds(headers.get("Retry-After"))
    )


def refusal(status: int, code: str, detail: str) -> ApiError:
    """The error for one refused update of many."""
    return _class_of(status, code)(status, code, detail)


def _class_of(status: int, code: str) -> type[ApiError]:
    if status == 409 and code in LEASE_LOST_CODES:  # noqa: PLR2004 - the codes are a 409's
        return LeaseLost
    return _BY_STATUS.get(status, ApiError)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _field_errors(document: dict[str, Any]) -> list[FieldError]:
    listed = document.get("errors")
    return [
        FieldError(_text(item, "field"), _text(item, "message"))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
    ]


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
