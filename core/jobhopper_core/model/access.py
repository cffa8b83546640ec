"""API keys and what each of them may do.

A key is `jh_<id>_<secret>`; only the SHA-256 of the whole text is kept.
"""

import hashlib
import re
import secrets
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache

import msgspec

_KEY = re.compile(r"jh_([a-z0-9]{6,32})_([A-Za-z0-9_-]{16,128})")
KEY_FORM = "must read jh_<id>_<secret>, id 6 to 32 of a-z 0-9, secret 16 to 128 of A-Z a-z 0-9 _ -."
QUEUE_PATTERN_PATTERN = r"^[A-Za-z0-9*][A-Za-z0-9._:*-]{0,127}$(?!\n)"


class Scope(StrEnum):
    """What a key may do; each scope is limited to queues by patterns."""

    PRODUCE = "produce"
    WORK = "work"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"


class ApiKey(msgspec.Struct, frozen=True):
    """A key without its secret: `scopes` maps each scope to queue patterns (`mail.*`)."""

    id: str
    name: str
    scopes: dict[Scope, list[str]]
    created_at: int

    def allows(self, scope: Scope, queue: str | None) -> bool:
        """Whether this key may use `scope` on `queue` (None: on every queue there is)."""
        return any(pattern == "*" or _matches(pattern, queue) for pattern in self.patterns(scope))

    def patterns(self, scope: Scope) -> list[str]:
        """The queue patterns that this key has for `scope`."""
        return self.scopes.get(scope, []) + self.scopes.get(Scope.ADMIN, [])


EVERYTHING: dict[Scope, list[str]] = {Scope.ADMIN: ["*"]}


def make_secret() -> tuple[str, str]:
    """A new key: (id, the whole key as it is shown once)."""
    id_ = secrets.token_hex(6)
    return id_, f"jh_{id_}_{secrets.token_urlsafe(32)}"


def key_id(key: str) -> str | None:
    """The id inside a key's text, or None when the text is not a key."""
    match = _KEY.fullmatch(key)
    return match.group(1) if match else None


def digest(key: str) -> bytes:
    """What is kept of a key. The secret has 256 bits by chance, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).digest()


def _matches(pattern: str, queue: str | None) -> bool:
    return queue is not None and _compiled(pattern).fullmatch(queue) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
