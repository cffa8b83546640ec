"""The types of the wire format's fields, each with its limits; OpenAPI states the same ones."""

from typing import Annotated, Literal

from msgspec import Meta

from jobhopper_core.model import access, limits

CURSOR_PATTERN = r"^[A-Za-z0-9_-]*$(?!\n)"
ID_PATTERN = (
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-"
    r"[0-9a-fA-F]{12}$(?!\n)"
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
        extra_json_schema={"format": "date-time"},
    ),
]
SilenceAfter = Annotated[int, Meta(ge=limits.SILENCE_AFTER_MIN, le=limits.SILENCE_AFTER_MAX)]
Limit = Annotated[int, Meta(ge=1, le=limits.LIST_MAX)]
Cursor = Annotated[str, Meta(min_length=1, max_length=256, pattern=CURSOR_PATTERN)]
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
StatusName = Literal["scheduled", "queued", "running", "succeeded", "failed", "cancelled"]

# What each pattern means, for whoever's value does not match it.
MEANINGS = {
    limits.QUEUE_PATTERN: (
        "must be 1 to 128 letters, digits, '.', '_', ':' or '-', beginning with a letter or digit."
    ),
    limits.NAME_PATTERN: "must be free of control characters (NUL, newline, tab and the like).",
    ID_PATTERN: "must be a job's id: a UUIDv7 as a create answered it.",
    CURSOR_PATTERN: "must be the `next` of the page before, unchanged.",
    access.QUEUE_PATTERN_PATTERN: (
        "must be a queue's name in which '*' may stand for any characters, such as mail.*"
    ),
}
