"""Remembers which ids an Idempotency-Key was answered with, for 24 hours."""

from typing import NamedTuple

from jobhopper_core.errors import IdempotencyMismatchError
from jobhopper_core.model import ids
from jobhopper_core.model.limits import IDEMPOTENCY_SECONDS
from jobhopper_core.model.times import SECOND
from jobhopper_core.model.writes import Key
from jobhopper_core.store.transaction import Transaction

_COLUMNS = ("digest", "first_id", "count", "body", "expires_at")
MISMATCH = (
    "This key was used with another body in the last 24 hours; use a new key, "
    "or repeat the first body."
)


class Reservation(NamedTuple):
    """A key's hash, the first id and the number of jobs it stands for, and its body's hash."""

    digest: bytes
    first_id: str
    jobs: int
    body: bytes


def reserve(tx: Transaction, wanted: Reservation) -> str:
    """The first id of a key: that of `wanted` when it is new, else the one from before.

    Raises IdempotencyMismatchError when the key came with another body.
    """
    now = tx.now()
    tx.run(
        "DELETE FROM idempotency_keys WHERE digest = ? AND expires_at <= ?", (wanted.digest, now)
    )
    if _insert(tx, wanted):
        return wanted.first_id
    sql = "SELECT first_id, body FROM idempotency_keys WHERE digest = ?"
    first_id, body = tx.read(sql, (wanted.digest,))[0]
    if body != wanted.body:
        raise IdempotencyMismatchError("Idempotency-Key", MISMATCH)
    return ids.text(first_id)


def keep(tx: Transaction, first_id: str, key: Key) -> None:
    """Keeps a key that was taken while this database was away; one that is known stays as it is."""
    body = bytes.fromhex(key.body)
    _insert(tx, Reservation(bytes.fromhex(key.digest), first_id, key.jobs, body))


def _insert(tx: Transaction, wanted: Reservation) -> bool:
    """Whether the key was new."""
    until = tx.now() + IDEMPOTENCY_SECONDS * SECOND
    row = (wanted.digest, ids.raw(wanted.first_id), wanted.jobs, wanted.body, until)
    return tx.insert_new("idempotency_keys", _COLUMNS, [row]) == 1


def sweep(tx: Transaction, limit: int) -> int:
    """Deletes up to `limit` keys that are past their time; returns how many."""
    sql = "SELECT digest FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
    old = [row[0] for row in tx.read(sql, (tx.now(), limit))]
    for digest in sorted(old):
        tx.run("DELETE FROM idempotency_keys WHERE digest = ?", (digest,))
    return len(old)
