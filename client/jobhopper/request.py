"""One call of the API, before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, and how patient to be.

    `repeatable`: taking effect twice does no harm. `wait`: seconds that the server may keep
    the call open on purpose.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    repeatable: bool = False
    wait: float = 0.0

    @property
    def target(self) -> str:
        """The path with its query, escaped."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def path_to(*parts: str) -> str:
    """The path below `/v1` to what `parts` name; a name can't break out of its place."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)
