"""Cursors: where a list goes on, as text that callers hand back unchanged.

The patterns of the wire format let through exactly what can be opened here.
"""

import base64

from jobhopper_core.model import ids


def sealed(job_id: str | None) -> str | None:
    """The cursor that stands for a job's id."""
    if job_id is None:
        return None
    return base64.urlsafe_b64encode(ids.raw(job_id)).rstrip(b"=").decode()


def opened_id(cursor: str) -> str:
    """The id in a cursor."""
    return ids.text(base64.urlsafe_b64decode(f"{cursor}=="))


def sealed_name(name: str | None) -> str | None:
    """The cursor that stands for a queue's name or a key's id, which are ASCII."""
    return None if name is None else name.encode().hex()


def opened_name(cursor: str | None) -> str:
    """The name in a cursor; empty at the start."""
    return "" if cursor is None else bytes.fromhex(cursor).decode()
