"""The owner of a loop: it sleeps, logs, beats and ends; the work is a function of one turn."""

import logging
import threading
import time
from collections.abc import Callable

from jobhopper_core.errors import UnavailableError
from jobhopper_core.telemetry.probes import Pulse

_log = logging.getLogger(__name__)

# After a turn that failed: stores come back within seconds, and a log should not drown.
_MISSED_SECONDS = 0.4
# A turn that comes once an hour is tried again sooner when it failed.
_MISSED_MAX_SECONDS = 60.0
# A loop that rests lives too: it says so well within the time after which it counts as dead.
_BEAT_SECONDS = 5.0


class Loop:
    """Runs `turn` every `seconds` on a thread of its own; at once again when it returns True.

    A turn that failed is tried again after `missed` seconds; unless told, after `seconds`, but no
    sooner than 0.4 s and no later than 60 s.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], bool],
        seconds: float,
        pulse: Pulse,
        missed: float | None = None,
    ) -> None:
        self._name = name
        self._turn = turn
        self._seconds = seconds
        usual = min(max(seconds, _MISSED_SECONDS), _MISSED_MAX_SECONDS)
        self._missed = usual if missed is None else missed
        self._pulse = pulse
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the turn that is under way."""
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        pause = 0.0
        while self._rest(pause):
            pause = self._once()

    def _rest(self, seconds: float) -> bool:
        """Sleeps and beats; False when it was told to stop."""
        until = time.monotonic() + seconds
        while True:
            self._pulse.beat(self._name)
            left = until - time.monotonic()
            if self._stopping.wait(max(0.0, min(left, _BEAT_SECONDS))):
                return False
            if left <= _BEAT_SECONDS:
                return True

    def _once(self) -> float:
        try:
            return 0.0 if self._turn() else self._seconds
        except UnavailableError as error:
            _log.warning("turn_missed", extra={"turn": self._name, "reason": str(error)[:200]})
        except Exception:  # noqa: BLE001 - a loop outlives whatever fails a turn
            _log.exception("loop_failed", extra={"turn": self._name})
        return self._missed
