"""API keys: only the hash of a key is stored."""

import msgspec

from jobhopper_core.errors import NotFoundError
from jobhopper_core.model.access import ApiKey, Scope
from jobhopper_core.store.dialect import Row
from jobhopper_core.store.transaction import Transaction

_COLUMNS = ("id", "name", "digest", "scopes", "created_at")
_SELECT = "SELECT id, name, scopes, created_at FROM api_keys"


def add(tx: Transaction, key: ApiKey, digest: bytes) -> None:
    """Stores a new key under the hash of its text."""
    scopes = msgspec.json.encode(key.scopes).decode()
    tx.insert_new("api_keys", _COLUMNS, [(key.id, key.name, digest, scopes, key.created_at)])


def look_up(tx: Transaction, key_id: str) -> tuple[ApiKey, bytes] | None:
    """A key and its hash, or None when there is no such key."""
    rows = tx.read(f"{_SELECT} WHERE id = ?", (key_id,))
    digest = tx.read("SELECT digest FROM api_keys WHERE id = ?", (key_id,))
    return (_key(rows[0]), digest[0][0]) if rows else None


def every(tx: Transaction, after: str, limit: int) -> list[ApiKey]:
    """Up to `limit` keys by id, those behind the id `after`."""
    return [
        _key(row) for row in tx.read(f"{_SELECT} WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    ]


def with_hashes(tx: Transaction, after: str, limit: int) -> list[tuple[ApiKey, bytes]]:
    """As `every`, each with the hash of its text."""
    rows = tx.read(
        "SELECT id, name, scopes, created_at, digest FROM api_keys WHERE id > ? "
        "ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [(_key(row), row[4]) for row in rows]


def delete(tx: Transaction, key_id: str) -> None:
    """Removes a key; whoever holds it is locked out. Raises NotFoundError."""
    if tx.run("DELETE FROM api_keys WHERE id = ?", (key_id,)) == 0:
        raise NotFoundError(f"There is no key {key_id!r}.")


def _key(row: Row) -> ApiKey:
    return ApiKey(row[0], row[1], msgspec.json.decode(row[2], type=dict[Scope, list[str]]), row[3])
