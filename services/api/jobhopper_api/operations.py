"""A call of the API as data: what it takes, what it answers, and the function that does it.

Routing, decoding, the deadline, and the OpenAPI document all come from this one description.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request

from jobhopper_api.services import Services
from jobhopper_api.wire.decode import Reader, body_reader
from jobhopper_api.wire.queries import NoQuery
from jobhopper_core.model.access import ApiKey

B = TypeVar("B")
Q = TypeVar("Q")

# Within this many seconds every request is answered; a long poll adds the time it asked for.
DEADLINE_SECONDS = 2.8


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One request, read and checked."""

    services: Services
    request: Request
    caller: ApiKey
    path: Mapping[str, str]
    body: B
    query: Q


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers; `body` None sends none."""

    status: int
    body: msgspec.Struct | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call[Any, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and path, and all that is to be known of it.

    `headers` are those it reads, each with its OpenAPI description and schema. `patience` tells
    from body and query how many seconds more than the deadline it may take.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Mapping[int, type[msgspec.Struct] | None]
    scope: str
    body: tuple[type, ...] = ()
    reader: Reader[Any] | None = None
    query: type[NoQuery] = NoQuery
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refusals: Mapping[int, str] = field(default_factory=dict)
    patience: Callable[[Any, Any], float] = lambda _body, _query: 0.0

    @property
    def read(self) -> Reader[Any] | None:
        """How its body is read, or None when it takes none."""
        if self.reader is not None or not self.body:
            return self.reader
        return _reader_of(self.body[0])


_readers: dict[type, Reader[Any]] = {}


def _reader_of(type_: type) -> Reader[Any]:
    if type_ not in _readers:
        _readers[type_] = body_reader(type_)
    return _readers[type_]
