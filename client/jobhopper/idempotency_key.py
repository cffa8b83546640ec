"""Keys that make a create safe to repeat.

A key is a UUIDv7 (RFC 9562), and the server takes it as the id of the first job, so that it
has to remember nothing. Layout, in bits:
`unix_ms 48 | version 7 | sequence 12 | variant 10 | random 54 | shard byte 8`. The sequence
starts at 0: the further ids of one request count up from there.
"""

import secrets
import time
import uuid

_VERSION = 0x7
_VARIANT = 0b10
_RANDOM_AND_SHARD_BITS = 62


def new_idempotency_key(unix_ms: int | None = None) -> str:
    """A fresh key as lower-case UUID text; `unix_ms` (since 1970) defaults to now."""
    if unix_ms is None:
        unix_ms = time.time_ns() // 1_000_000
    high = (unix_ms << 16) | (_VERSION << 12)
    low = (_VARIANT << _RANDOM_AND_SHARD_BITS) | secrets.randbits(_RANDOM_AND_SHARD_BITS)
    return str(uuid.UUID(int=(high << 64) | low))
