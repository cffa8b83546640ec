"""The queues that this process knows to exist, with their settings as last read."""

import time
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.store import queues

_SECONDS = 30.0


class QueueRegistry:
    """Remembers settings for 30 s, so that a create needs no question to the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[float, QueueSettings]] = {}

    async def settings(self, name: str) -> QueueSettings:
        """The settings of `name`, which is made when it is new. Raises TooManyQueuesError."""
        found = self._known.get(name)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        return self.note(name, await self._store.write(partial(queues.ensure, name=name)))

    def note(self, name: str, settings: QueueSettings) -> QueueSettings:
        """Remembers settings that were just read or changed; returns them."""
        self._known[name] = (time.monotonic() + _SECONDS, settings)
        return settings

    def forget(self, name: str) -> None:
        """Drops a queue that was deleted."""
        self._known.pop(name, None)
