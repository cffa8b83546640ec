"""Idempotency-Keys in Redis: for while MySQL, which keeps them, is away.

A key that is taken in an outage stays here for its 24 hours, since MySQL never learns of it. One
that MySQL took is noted here for a few minutes: a client that met an outage repeats itself soon.
"""

from typing import NamedTuple

import msgspec

from jobhopper_core.errors import IdempotencyMismatchError
from jobhopper_core.hopper.commands import Command
from jobhopper_core.hopper.names import Names
from jobhopper_core.model.limits import IDEMPOTENCY_SECONDS
from jobhopper_core.store.idempotency import MISMATCH, Reservation

NOTED_SECONDS = 600


class _Taken(NamedTuple):
    first_id: str
    body: str


_decode = msgspec.json.Decoder(_Taken).decode


def take(names: Names, wanted: Reservation) -> tuple[Command, Command]:
    """Takes a key that MySQL can't be asked for; the second reply is what it now stands for."""
    name = _name(names, wanted.digest)
    return ("SET", name, _text(wanted), "NX", "EX", IDEMPOTENCY_SECONDS), ("GET", name)


def look(names: Names, wanted: Reservation) -> Command:
    """Looks whether a key was taken in an outage."""
    return ("GET", _name(names, wanted.digest))


def note(names: Names, wanted: Reservation) -> Command:
    """Notes for a while that MySQL has the key, unless it is known here."""
    return ("SET", _name(names, wanted.digest), _text(wanted), "NX", "EX", NOTED_SECONDS)


def first_id(reply: bytes | None, wanted: Reservation) -> str | None:
    """The first id that the key was answered with, or None when it is new.

    Raises IdempotencyMismatchError when the key came with another body.
    """
    if reply is None:
        return None
    found = _decode(reply)
    if found.body != wanted.body.hex():
        raise IdempotencyMismatchError("Idempotency-Key", MISMATCH)
    return found.first_id


def _name(names: Names, digest: bytes) -> str:
    return names.plain(f"idem:{digest.hex()}")


def _text(wanted: Reservation) -> bytes:
    return msgspec.json.encode(_Taken(wanted.first_id, wanted.body.hex()))
