"""A dead letter: what can be told of a message in the dead-letter queue."""

import hashlib
from dataclasses import dataclass

import msgspec
from msgspec import Raw
from pika import BasicProperties

from jobhopper_core.broker import names
from jobhopper_core.broker.envelope import decode
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import StoreDataError
from jobhopper_core.model.limits import BATCH_MAX, TIME_MAX_US
from jobhopper_core.model.writes import Create, Write

# So many bytes of a letter's body are shown at most.
SHOWN_MAX = 16 * 1024
# No envelope of ours is longer; anything else is not worth reading.
_READ_MAX = 16 * 1024 * 1024
_ID_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Letter:
    """One of them. `origin` is the lane and shard it came from, `died_at` in µs since 1970.

    `queues` are those of its jobs, None where a write does not tell. `content` has its writes if
    they can be read, `body` the first bytes; of a long letter both may be less than all of it.
    """

    id: str
    message_id: str | None
    origin: tuple[Lane, int] | None
    error: str | None
    code: str | None
    died_at: int | None
    writes: int | None
    queues: frozenset[str] | None
    size: int
    content: list[Raw] | None
    body: bytes


def id_of(message_id: object, body: bytes) -> str:
    """What a letter is called: a digest of its message id and body.

    The message id alone does not tell: several bad writes of one message are a letter each.
    """
    digest = hashlib.sha256(f"{message_id}\n".encode())
    digest.update(body)
    return digest.hexdigest()[:_ID_LENGTH]


def read(properties: BasicProperties, body: bytes) -> Letter:
    """What `body` and its properties tell; whoever put it there may have left out anything."""
    headers = properties.headers or {}
    message_id: object = properties.message_id
    writes = _writes(body)
    return Letter(
        id=id_of(message_id, body),
        message_id=_text(message_id),
        origin=names.place_of(_text(headers.get(names.HEADER_QUEUE)) or ""),
        error=_text(headers.get(names.HEADER_ERROR)),
        code=_text(headers.get(names.HEADER_CODE)),
        died_at=_number(headers.get(names.HEADER_AT), TIME_MAX_US),
        writes=_number(headers.get(names.HEADER_WRITES), BATCH_MAX)
        if writes is None
        else len(writes),
        queues=_queues(writes),
        size=len(body),
        content=_content(writes) if len(body) <= SHOWN_MAX else None,
        body=body[:SHOWN_MAX],
    )


def _writes(body: bytes) -> list[Write] | None:
    if len(body) > _READ_MAX:
        return None
    try:
        return decode(body).writes
    except StoreDataError:
        return None


def _queues(writes: list[Write] | None) -> frozenset[str] | None:
    # A worker's update names its job alone.
    if not writes or not all(isinstance(write, Create) for write in writes):
        return None
    return frozenset(write.queue for write in writes if isinstance(write, Create))


def _content(writes: list[Write] | None) -> list[Raw] | None:
    return None if writes is None else [Raw(msgspec.json.encode(write)) for write in writes]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object, most: int) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= most else None
