"""What has to survive MySQL, mirrored in Redis: settings of queues, API keys, facts, the clocks.

The refillers keep it fresh; the API reads it while MySQL is away, and starts from it.
"""

from collections.abc import Sequence

import msgspec

from jobhopper_core.hopper.commands import Command
from jobhopper_core.hopper.names import Names
from jobhopper_core.model.access import ApiKey
from jobhopper_core.model.queue import QueueSettings


class MirroredKey(msgspec.Struct):
    """An API key with the hash of its text (hex)."""

    key: ApiKey
    digest: str


class Meta(msgspec.Struct):
    """Facts of the install, and MySQL's time less Redis's (µs)."""

    shards: int
    schema: str
    offset: int


_settings = msgspec.json.Decoder(QueueSettings)
_key = msgspec.json.Decoder(MirroredKey)
_meta = msgspec.json.Decoder(Meta)


def keep_settings(names: Names, queue: str, settings: QueueSettings) -> Command:
    """Keeps the settings of a queue; `paused` apart, because the hopper obeys it."""
    text = msgspec.json.encode(settings)
    return ("HSET", names.settings(queue), "paused", int(settings.paused), "json", text)


def keep_names(names: Names, queues: Sequence[str]) -> Command:
    """Keeps which queues there are."""
    return ("SET", names.plain("queues"), msgspec.json.encode(list(queues)))


def keep_keys(names: Names, keys: Sequence[tuple[ApiKey, bytes]]) -> list[Command]:
    """Keeps all API keys; those that were deleted go."""
    name = names.plain("keys")
    fields = [part for key, digest in keys for part in (key.id, _text(key, digest))]
    # In one transaction: nobody finds the keys gone for a moment.
    said: list[Command] = [("MULTI",), ("DEL", name)]
    said += [("HSET", name, *fields)] if fields else []
    return [*said, ("EXEC",)]


def keep_key(names: Names, key: ApiKey, digest: bytes) -> Command:
    """Keeps a new API key."""
    return ("HSET", names.plain("keys"), key.id, _text(key, digest))


def drop_key(names: Names, key_id: str) -> Command:
    """Drops an API key that was deleted."""
    return ("HDEL", names.plain("keys"), key_id)


def keep_meta(names: Names, meta: Meta) -> Command:
    """Keeps the facts that a process has to agree on."""
    return ("SET", names.plain("meta"), msgspec.json.encode(meta))


def settings(reply: bytes | None) -> QueueSettings | None:
    """The settings in the reply to reading their field `json`."""
    return None if reply is None else _settings.decode(reply)


def queue_names(reply: bytes | None) -> list[str]:
    """The queues in the reply to reading their names."""
    return [] if reply is None else msgspec.json.decode(reply, type=list[str])


def key(reply: bytes | None) -> MirroredKey | None:
    """The key in the reply to reading its field."""
    return None if reply is None else _key.decode(reply)


def meta(reply: bytes | None) -> Meta | None:
    """The facts in the reply to reading them."""
    return None if reply is None else _meta.decode(reply)


def _text(key: ApiKey, digest: bytes) -> bytes:
    return msgspec.json.encode(MirroredKey(key, digest.hex()))
