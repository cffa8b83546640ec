"""Notes when the machine let this process stand still, so that it is not blamed on a server."""

import threading
import time
from contextlib import AbstractContextManager
from typing import Self

from chaos.evidence import Stall

_EVERY = 0.02
# Less than this is what any thread waits for its turn.
_NOTED = 0.1


class Stalls(AbstractContextManager["Stalls"]):
    """Within its block a thread that only sleeps notes by how much it overslept."""

    def __init__(self) -> None:
        self.found: list[Stall] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(_EVERY)
            late = time.monotonic() - began - _EVERY
            if late > _NOTED:
                self.found.append(Stall(time.time(), late))
