"""Who is calling, and what they may do."""

import hmac
import time
from collections import OrderedDict
from functools import partial

from starlette.requests import Request

from jobhopper_api.bridge import Store
from jobhopper_api.http.problems import RequestError
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.errors import UnavailableError
from jobhopper_core.model import access
from jobhopper_core.model.access import ApiKey, Scope
from jobhopper_core.store import api_keys

_CACHE_SECONDS = 30.0
_CACHE_MAX = 1_000
ANONYMOUS = ApiKey("anonymous", "anonymous", access.EVERYTHING, 0)


class Gate:
    """Checks API keys. `admin_key` comes from the settings; `open_` lets in who sends none."""

    def __init__(
        self, store: Store, redis: RedisSide | None, admin_key: str | None, *, open_: bool
    ) -> None:
        self._store = store
        self._redis = redis
        self._open = open_
        self._known: OrderedDict[bytes, tuple[float, ApiKey]] = OrderedDict()
        self._admin = access.digest(admin_key) if admin_key else None
        admin_id = access.key_id(admin_key) if admin_key else None
        self._admin_caller = ApiKey(admin_id or "admin", "admin", access.EVERYTHING, 0)

    async def identify(self, request: Request) -> ApiKey:
        """The caller's key. Raises RequestError 401."""
        headers = request.headers.getlist("authorization")
        if not headers and self._open:
            return ANONYMOUS
        scheme, _, key = (headers[0] if len(headers) == 1 else "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise _unauthorized("Send one header Authorization: Bearer <API key>.")
        caller = await self._check(key.strip())
        if caller is None:
            raise _unauthorized("This API key is unknown or was deleted; ask for another.")
        return caller

    def forget(self) -> None:
        """Drops what is remembered, after a key was deleted."""
        self._known.clear()

    async def _check(self, key: str) -> ApiKey | None:
        digest = access.digest(key)
        if self._admin is not None and hmac.compare_digest(digest, self._admin):
            return self._admin_caller
        found = self._known.get(digest)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        try:
            return await self._look_up(key, digest)
        except UnavailableError:
            # What was known is believed for as long as nobody can be asked.
            if found is None:
                raise
            return found[1]

    async def _look_up(self, key: str, digest: bytes) -> ApiKey | None:
        id_ = access.key_id(key)
        if id_ is None:
            return None
        try:
            found = await self._store.read(partial(api_keys.look_up, key_id=id_))
        except UnavailableError:
            found = await self._mirrored(id_)
        if found is None or not hmac.compare_digest(found[1], digest):
            return None
        self._known[digest] = (time.monotonic() + _CACHE_SECONDS, found[0])
        while len(self._known) > _CACHE_MAX:
            self._known.popitem(last=False)
        return found[0]

    async def _mirrored(self, key_id: str) -> tuple[ApiKey, bytes]:
        """The key as Redis has it. Raises UnavailableError when that does not know it."""
        found = None if self._redis is None else await self._redis.key(key_id)
        if found is None:
            raise UnavailableError(
                "The database is away, and this API key is not known without it; try again."
            )
        return found.key, bytes.fromhex(found.digest)


def require(caller: ApiKey, queue: str | None, *scopes: Scope) -> None:
    """Raises RequestError 403 unless `caller` has one of `scopes` on `queue` (None: on all)."""
    if any(caller.allows(scope, queue) for scope in scopes):
        return
    where = f"queue {queue!r}" if queue is not None else "every queue"
    needed = " or ".join(repr(scope.value) for scope in scopes)
    raise RequestError(403, "forbidden", f"This API key lacks scope {needed} on {where}.")


def require_somewhere(caller: ApiKey, scope: Scope) -> None:
    """Raises RequestError 403 unless `caller` has `scope` on some queue."""
    if not caller.patterns(scope):
        raise RequestError(403, "forbidden", f"This API key lacks scope {scope.value!r}.")


def _unauthorized(detail: str) -> RequestError:
    return RequestError(401, "unauthorized", detail)
