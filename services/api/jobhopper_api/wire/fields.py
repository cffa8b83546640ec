"""The types of the wire format's fields, each with its limits; OpenAPI states the same ones."""

from typing import Annotated, Literal

from msgspec import Meta, Raw

from jobhopper_core.model import access, limits

# Exactly those texts that can be a cursor: an id's 16 bytes in URL-safe base64, and a name's
# ASCII in hexadecimal.
JOB_CURSOR_PATTERN = r"^[A-Za-z0-9_-]{21}[AQgw]$(?!\n)"
NAME_CURSOR_PATTERN = r"^(?:[2-7][0-9a-f]){1,128}$(?!\n)"
ID_PATTERN = (
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-"
    r"[0-9a-fA-F]{12}$(?!\n)"
)

# What OpenAPI says of a time; that it is one, and lies within 1970 to 2100, `times` decides.
_TIME_PATTERN = (
    r"^(19[7-9]\d|20\d\d|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)

QueueName = Annotated[
    str,
    Meta(pattern=limits.QUEUE_PATTERN, max_length=limits.NAME_MAX, examples=["mail"]),
]
Name = Annotated[
    str,
    Meta(
        pattern=limits.NAME_PATTERN, min_length=1, max_length=limits.NAME_MAX, examples=["welcome"]
    ),
]
Priority = Annotated[int, Meta(ge=limits.PRIORITY_MIN, le=limits.PRIORITY_MAX)]
MaxAttempts = Annotated[int, Meta(ge=limits.MAX_ATTEMPTS_MIN, le=limits.MAX_ATTEMPTS_MAX)]
LeaseSeconds = Annotated[int, Meta(ge=limits.LEASE_MIN, le=limits.LEASE_MAX)]
WaitSeconds = Annotated[float, Meta(ge=0, le=limits.WAIT_MAX)]
RetrySeconds = Annotated[float, Meta(ge=0, le=limits.RETRY_IN_MAX)]
Time = Annotated[
    str,
    Meta(
        description="RFC 3339 with a zone, 1970 to 2100",
        examples=["2026-11-24T06:00:00Z"],
        extra_json_schema={"format": "date-time", "pattern": _TIME_PATTERN},
    ),
]
ShownTime = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, to the microsecond",
        examples=["2026-11-24T06:00:00.000000Z"],
        extra_json_schema={"format": "date-time", "pattern": r"^\d{4}-[\d-]{5}T[\d:]{8}\.\d{6}Z$"},
    ),
]
SilenceAfter = Annotated[int, Meta(ge=limits.SILENCE_AFTER_MIN, le=limits.SILENCE_AFTER_MAX)]
Limit = Annotated[int, Meta(ge=1, le=limits.LIST_MAX)]
JobCursor = Annotated[str, Meta(pattern=JOB_CURSOR_PATTERN)]
NameCursor = Annotated[str, Meta(pattern=NAME_CURSOR_PATTERN)]
Token = Annotated[str, Meta(min_length=1, max_length=1024, examples=["jl1.k1.AZ….q8…"])]
JobId = Annotated[
    str,
    Meta(
        description="a UUIDv7",
        pattern=ID_PATTERN,
    ),
]
QueuePattern = Annotated[
    str, Meta(pattern=access.QUEUE_PATTERN_PATTERN, max_length=limits.NAME_MAX, examples=["mail.*"])
]


def _json(what: str, size_max: int) -> Meta:
    """Any JSON of a limited size: what OpenAPI has no word for."""
    return Meta(
        description=f"{what}: any JSON of at most {size_max} bytes as sent, nested at most "
        f"{limits.DEPTH_MAX} levels; it comes back byte for byte",
        extra_json_schema={"x-maxBytes": size_max, "x-maxDepth": limits.DEPTH_MAX},
    )


Payload = Annotated[Raw, _json("What the worker is to work on", limits.PAYLOAD_MAX)]
Result = Annotated[Raw, _json("What the work came to", limits.RESULT_MAX)]
Error = Annotated[Raw, _json("Why the attempt failed", limits.ERROR_MAX)]
Progress = Annotated[Raw, _json("How far the work is", limits.PROGRESS_MAX)]
StatusName = Literal["scheduled", "queued", "running", "succeeded", "failed", "cancelled"]

# What each pattern means, for whoever's value does not match it.
MEANINGS = {
    limits.QUEUE_PATTERN: (
        "must be 1 to 128 letters, digits, '.', '_', ':' or '-', beginning with a letter or digit."
    ),
    limits.NAME_PATTERN: "must be free of control characters (NUL, newline, tab and the like).",
    ID_PATTERN: "must be a job's id: a UUIDv7 as a create answered it.",
    JOB_CURSOR_PATTERN: "must be the `next` of the page before, unchanged.",
    NAME_CURSOR_PATTERN: "must be the `next` of the page before, unchanged.",
    access.QUEUE_PATTERN_PATTERN: (
        "must be a queue's name in which '*' may stand for any characters, such as mail.*"
    ),
}
