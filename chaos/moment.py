"""Times as the API writes them, in seconds since 1970."""

from jobhopper_core.model.times import SECOND, parse


def seconds_of(text: str) -> float:
    """The seconds since 1970 of RFC 3339 text. Raises ValueError."""
    found = parse(text)
    if found is None:
        raise ValueError(f"{text} is no time")
    return found / SECOND
