"""Points in time as the API writes them: RFC 3339, UTC."""

from datetime import UTC, datetime

from jobhopper.errors import InvalidArgument


def to_text(when: datetime) -> str:
    """`when` in UTC, to the microsecond. Raises InvalidArgument when it has no zone."""
    if when.utcoffset() is None:
        raise InvalidArgument(f"{when.isoformat()} has no time zone; say datetime.now(UTC)")
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_time(text: str) -> datetime:
    """The time that the server wrote, with its zone."""
    return datetime.fromisoformat(text)


def to_time_or_none(text: str | None) -> datetime | None:
    """The same for a field that may be null."""
    return None if text is None else to_time(text)
