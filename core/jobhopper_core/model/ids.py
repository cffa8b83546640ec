"""Job ids: UUIDv7 (RFC 9562), made by the API so that an answer can name the job at once.

Layout, in bits: `unix_ms 48 | version 7 | sequence 12 | variant 2 | random 54 | shard byte 8`.
The ids of one request share the random part and the shard byte and count up in the sequence,
carrying into the milliseconds, so a batch keeps its order and stays in one shard.
In memory an id is its lower-case text: text and the 16 bytes in the database sort alike.
"""

import re
import secrets
from collections.abc import Sequence
from threading import Lock

from jobhopper_core.model.limits import IDEMPOTENCY_SECONDS

_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_SEQUENCE_BITS = 12
_SEQUENCE_SIZE = 1 << _SEQUENCE_BITS
_VERSION = 0x7
_VARIANT = 0b10
_TAIL_BITS = 62
# How far ahead of this clock an id may lie and still be taken for one made elsewhere.
_AHEAD_MS = 10_000


def text(raw: bytes) -> str:
    """The 16 bytes of an id as lower-case UUID text."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def raw(id_: str) -> bytes:
    """The 16 bytes of an id's text."""
    return bytes.fromhex(id_.replace("-", ""))


def parse(value: str) -> str | None:
    """`value` as the text of an id (any letter case), or None when it is not a UUIDv7."""
    lower = value.lower()
    return lower if _TEXT.fullmatch(lower) else None


def unix_ms(id_: str) -> int:
    """The milliseconds since 1970 that stand in an id."""
    return int(id_[:8] + id_[9:13], 16)


def shard(id_: str, shards: int) -> int:
    """The shard of an id: its last byte modulo the number of shards."""
    return int(id_[-2:], 16) % shards


def floor(ms: int) -> str:
    """The lowest text that an id of the millisecond `ms` can have."""
    return text(max(0, ms).to_bytes(6, "big") + bytes(10))


def series(first: str, count: int) -> list[str]:
    """`count` ids that begin with `first` and count up in the sequence, carrying."""
    value = int.from_bytes(raw(first), "big")
    tail = value & ((1 << _TAIL_BITS) - 1)
    start = (value >> 80) * _SEQUENCE_SIZE + ((value >> 64) & (_SEQUENCE_SIZE - 1))
    return [_join(start + step, tail) for step in range(count)]


def first_id_of_key(key: str, now_us: int) -> str | None:
    """The first job id that an Idempotency-Key names, when it is itself a fresh UUIDv7.

    Fresh: less than 24 hours old and no more than 10 seconds ahead of `now_us`.
    """
    id_ = parse(key)
    if id_ is None:
        return None
    age_ms = now_us // 1000 - unix_ms(id_)
    return id_ if -_AHEAD_MS <= age_ms < IDEMPOTENCY_SECONDS * 1000 else None


def _join(ticks: int, tail: int) -> str:
    ms, sequence = divmod(ticks, _SEQUENCE_SIZE)
    high = (ms << 16) | (_VERSION << _SEQUENCE_BITS) | sequence
    low = (_VARIANT << _TAIL_BITS) | tail
    return text(((high << 64) | low).to_bytes(16, "big"))


class IdMaker:
    """Makes ids that rise within this process, even when its clock stands still or goes back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next = 0

    def make(self, count: int, now_us: int) -> Sequence[str]:
        """`count` ids of one request, in one shard chosen by chance; `now_us` is the time."""
        tail = secrets.randbits(_TAIL_BITS)
        with self._lock:
            start = max(self._next, now_us // 1000 * _SEQUENCE_SIZE)
            self._next = start + count
        return [_join(start + step, tail) for step in range(count)]
