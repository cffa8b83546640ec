"""Keeps in Redis what has to survive MySQL: API keys, facts of the install, the clocks."""

from functools import partial

from jobhopper_core.hopper import mirror
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.model.access import ApiKey
from jobhopper_core.store import api_keys, schema
from jobhopper_core.store.database import Database

MIRROR_SECONDS = 5.0
_PAGE = 500


class Mirror:
    """One turn says everything again: Redis may have been away, or emptied."""

    def __init__(self, database: Database, link: HopperLink, names: Names, shards: int) -> None:
        self._database = database
        self._link = link
        self._names = names
        self._shards = shards

    def turn(self) -> bool:
        """Mirrors once. Raises UnavailableError."""
        keys = self._keys()
        before = self._link.now_ms()
        now = self._database.read(lambda tx: tx.now()).result()
        offset = now - (before + self._link.now_ms()) * 1000 // 2
        meta = mirror.Meta(self._shards, schema.SCHEMA, offset)
        said = mirror.keep_keys(self._names, keys)
        self._link.run([*said, mirror.keep_meta(self._names, meta)])
        return False

    def _keys(self) -> list[tuple[ApiKey, bytes]]:
        found: list[tuple[ApiKey, bytes]] = []
        while True:
            after = found[-1][0].id if found else ""
            verb = partial(api_keys.with_hashes, after=after, limit=_PAGE)
            page = self._database.read(verb).result()
            found += page
            if len(page) < _PAGE:
                return found
