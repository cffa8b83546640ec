"""The queues that this process knows to exist, with their settings as last read."""

import time
from collections.abc import Iterable

from jobhopper_core.model.queue import QueueSettings

_SECONDS = 30.0


class QueueRegistry:
    """Remembers settings for 30 s, so that a create needs no question to the database."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, QueueSettings]] = {}

    def known(self, names: Iterable[str]) -> dict[str, QueueSettings]:
        """The settings of those of `names` that are remembered."""
        now = time.monotonic()
        found = [(name, self._known.get(name)) for name in names]
        return {name: one[1] for name, one in found if one is not None and one[0] > now}

    def remembered(self, name: str) -> QueueSettings | None:
        """The settings of `name` as last read, however long ago: for while nobody can be asked."""
        found = self._known.get(name)
        return found[1] if found is not None else None

    def note(self, name: str, settings: QueueSettings) -> None:
        """Remembers settings that were just read or changed."""
        self._known[name] = (time.monotonic() + _SECONDS, settings)

    def forget(self, name: str) -> None:
        """Drops a queue that was deleted."""
        self._known.pop(name, None)
