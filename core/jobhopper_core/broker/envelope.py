"""Envelopes: messages of writes, up to 1,000 and 2 MiB, all of one shard; ticks; and bids.

The body is JSON, so that a person can read it among the dead letters and on the wire (RabbitMQ
shows nobody else what waits in a queue with a single active consumer):
`{"v": 1, "id": …, "at": µs, "writes": [{"op": "create", "id": …}, …]}`, and for a tick
`{"v": 1, "tick": µs}`. With a bid, `{"v": 1, "bid": rank}`, a consumer that waits for the shard
asks whoever serves it to leave it to a higher rank. A release reads its own version and the one
before.
"""

import secrets
from collections.abc import Sequence

import msgspec

from jobhopper_core.errors import StoreDataError
from jobhopper_core.model.writes import Create, Write

VERSION = 1
READS = frozenset({1})


class Envelope(msgspec.Struct, omit_defaults=True):
    """A message. `at` is the time of publishing, `tick` the database's time (both in µs).

    `bid` is the rank of a consumer that waits for the shard.
    """

    v: int
    id: str = ""
    at: int = 0
    writes: list[Write] = []
    tick: int | None = None
    bid: int | None = None


class _Version(msgspec.Struct):
    v: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)
_version = msgspec.json.Decoder(_Version)


def of_writes(writes: Sequence[Write], at: int) -> Envelope:
    """An envelope of `writes`, all of one shard."""
    return Envelope(VERSION, secrets.token_hex(16), at, list(writes))


def of_tick(tick: int) -> Envelope:
    """A tick: the database's time."""
    return Envelope(VERSION, tick=tick)


def of_bid(rank: int) -> Envelope:
    """A bid: the rank of a consumer that waits."""
    return Envelope(VERSION, bid=rank)


def encode(envelope: Envelope) -> bytes:
    """The body of a message."""
    return _encoder.encode(envelope)


def decode(body: bytes) -> Envelope:
    """The envelope in a message's body.

    Raises StoreDataError when it can't be read: damaged, or of a version that is not known.
    """
    try:
        version = _version.decode(body).v
        if version not in READS:
            known = ", ".join(map(str, sorted(READS)))
            raise StoreDataError(f"Envelope of version {version}; this release reads {known}.")
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreDataError(f"The message is no envelope: {error}") from None


def size_of(write: Write) -> int:
    """About how many bytes a write takes in an envelope."""
    if isinstance(write, Create):
        return 300 + len(write.payload)
    bodies = (
        getattr(write, "progress", None),
        getattr(write, "result", None),
        getattr(write, "error", None),
    )
    return 250 + sum(len(body) for body in bodies if body is not None)
