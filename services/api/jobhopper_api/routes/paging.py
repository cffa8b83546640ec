"""Cursors: where a list goes on, as text that callers hand back unchanged."""

import base64
import binascii

from jobhopper_api.wire.fields import CURSOR_PATTERN, MEANINGS
from jobhopper_core.errors import InvalidFieldError
from jobhopper_core.model import ids

_ID_BYTES = 16


def sealed(job_id: str | None) -> str | None:
    """The cursor that stands for a job's id."""
    return None if job_id is None else _seal(ids.raw(job_id))


def opened_id(cursor: str) -> str:
    """The id in a cursor. Raises InvalidFieldError."""
    raw = _open(cursor)
    if len(raw) != _ID_BYTES:
        raise _foreign()
    return ids.text(raw)


def sealed_name(name: str | None) -> str | None:
    """The cursor that stands for a name."""
    return None if name is None else _seal(name.encode())


def opened_name(cursor: str | None) -> str:
    """The name in a cursor; empty at the start. Raises InvalidFieldError."""
    try:
        return "" if cursor is None else _open(cursor).decode()
    except UnicodeDecodeError:
        raise _foreign() from None


def _seal(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _open(cursor: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except binascii.Error:
        raise _foreign() from None


def _foreign() -> InvalidFieldError:
    return InvalidFieldError("next", MEANINGS[CURSOR_PATTERN])
