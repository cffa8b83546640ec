"""What Schemathesis can't know from a schema; loaded by it, never by the tests.

Nothing here makes a wrong request right: a value is exchanged only for another one that the
schema allows just as well.
"""

import json
import os
import re
import secrets
import urllib.request
from typing import Any

import schemathesis

_SHORT = 0.01
_KEY = "Idempotency-Key"
_PRINTABLE = re.compile("[!-~]{1,200}")
_ID = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Called with each request before it is sent."""
    case.body = _whole(case.body)
    if isinstance(case.body, dict):
        _shorten(case.body, "wait")
        _hold(case)
    if isinstance(case.query, dict):
        if "wait" in case.query:
            case.query.setdefault("timeout", _SHORT)
        _shorten(case.query, "timeout")
    _renew_key(case.headers)


def _whole(value: Any) -> Any:
    # JSON Schema takes 5.0 for an integer; Jobhopper wants integers to be written as such.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _shorten(fields: dict[str, Any], name: str) -> None:
    # A wait of a minute is allowed, and there is no time for many of them.
    if isinstance(fields.get(name), int | float) and _SHORT < fields[name] <= 60:
        fields[name] = _SHORT


def _renew_key(headers: Any) -> None:
    # The same key with another body is refused, as it should be; a schema has no word for it.
    value = headers.get(_KEY) if headers else None
    if isinstance(value, str) and _PRINTABLE.fullmatch(value):
        headers[_KEY] = f"{value}{secrets.token_hex(8)}"


def _hold(case: Any) -> None:
    """Puts a real lease, and its job, in the place of one that was made up."""
    lease = case.body.get("lease")
    id_ = (case.path_parameters or {}).get("id")
    made_up = isinstance(lease, str) and 1 <= len(lease) <= 1_024
    if made_up and isinstance(id_, str) and _ID.fullmatch(id_):
        queue = f"held.{secrets.token_hex(4)}"
        _call(case, "/v1/jobs", {"queue": "held", "type": queue})
        (job,) = _call(case, "/v1/claims", {"queues": ["held"]})["jobs"]
        case.body["lease"] = job["lease"]["token"]
        case.path_parameters["id"] = job["id"]


def _call(case: Any, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own server
        case.operation.base_url.rstrip("/") + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return json.load(answer)
