"""Where the server is and which key opens it."""

import os
from dataclasses import dataclass, field

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from jobhopper.errors import InvalidArgument

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a server.

    `timeout` (s) bounds one try, `retry_for` (s) the time in which another try may begin.
    """

    url: str
    key: str | None = field(repr=False)
    timeout: float
    retry_for: float

    @property
    def path(self) -> str:
        """What stands before `/v1` when the server sits below a path."""
        return parse_url(self.url).path or ""


def read(url: str | None, key: str | None, timeout: float, retry_for: float) -> Settings:
    """The settings, from JOBHOPPER_URL and JOBHOPPER_KEY where they are None.

    Raises InvalidArgument, which names the variable.
    """
    if timeout <= 0 or retry_for < 0:
        raise InvalidArgument("timeout must be above 0 s, retry_for 0 s or more")
    found_url = url or os.environ.get("JOBHOPPER_URL") or DEFAULT_URL
    found_key = (key or os.environ.get("JOBHOPPER_KEY") or "").strip()
    return Settings(_checked_url(found_url), _checked_key(found_key), timeout, retry_for)


def _checked_url(url: str) -> str:
    parts = _parsed(url)
    if parts.scheme not in {"http", "https"} or not parts.host or parts.query or parts.fragment:
        raise InvalidArgument(f"JOBHOPPER_URL must look like {DEFAULT_URL}")
    if parts.auth:
        raise InvalidArgument("JOBHOPPER_URL must hold no password; put the key in JOBHOPPER_KEY")
    return parts.url.rstrip("/")


def _parsed(url: str) -> Url:
    try:
        return parse_url(url.strip())
    except LocationParseError as error:
        raise InvalidArgument(f"JOBHOPPER_URL must look like {DEFAULT_URL}") from error


def _checked_key(key: str) -> str | None:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidArgument("JOBHOPPER_KEY must be one word of plain ASCII: jh_…")
    return key or None
