"""Signing and reading lease tokens.

Text: `jl1.<kid>.<body>.<mac>`, body and mac in URL-safe base64 without padding. The body is
job id (16 bytes), claim id (16), attempt (4), expiry in µs (8), then the queue's name.
"""

import base64
import hmac
import struct
from typing import NamedTuple

from jobhopper_core.errors import LeaseInvalidError
from jobhopper_core.model import ids

_HEAD = struct.Struct(">16s16sIq")
_PREFIX = "jl1"
_REMEDY = "Send the token of the claim or of the newest heartbeat, unchanged."


class Lease(NamedTuple):
    """What a token says; `expires_at` in µs of the database's clock."""

    job_id: str
    claim_id: str
    attempt: int
    expires_at: int
    queue: str


class LeaseSigner:
    """Makes and checks tokens with a set of signing keys (the first signs)."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys
        self._kid = next(iter(keys))

    def sign(self, lease: Lease) -> str:
        """The token of a lease."""
        head = _HEAD.pack(
            ids.raw(lease.job_id), bytes.fromhex(lease.claim_id), lease.attempt, lease.expires_at
        )
        signed = f"{_PREFIX}.{self._kid}.{_encode(head + lease.queue.encode())}"
        return f"{signed}.{_mac(self._keys[self._kid], signed)}"

    def read(self, token: str, job_id: str) -> Lease:
        """What a genuine token of `job_id` says; whether it has expired is the caller's to ask.

        Raises LeaseInvalidError for a token that is forged, damaged, or another job's.
        """
        lease = self._open(token)
        if lease is None:
            raise LeaseInvalidError("/lease", f"This lease token is not genuine. {_REMEDY}")
        if lease.job_id != job_id:
            raise LeaseInvalidError("/lease", f"This lease token is another job's. {_REMEDY}")
        return lease

    def _open(self, token: str) -> Lease | None:
        signed, _, mac = token.rpartition(".")
        prefix, kid, body = ([*signed.split("."), "", "", ""])[:3]
        if prefix != _PREFIX or kid not in self._keys:
            return None
        try:
            # As text: several texts decode to the same bytes, and only one of them was given out.
            genuine = hmac.compare_digest(mac.encode(), _mac(self._keys[kid], signed).encode())
        except UnicodeEncodeError:
            return None
        return _unpack(_decode(body)) if genuine else None


def _unpack(body: bytes) -> Lease:
    job_id, claim_id, attempt, expires_at = _HEAD.unpack_from(body)
    queue = body[_HEAD.size :].decode()
    return Lease(ids.text(job_id), claim_id.hex(), attempt, expires_at, queue)


def _mac(secret: bytes, signed: str) -> str:
    return _encode(hmac.digest(secret, signed.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
