"""What RabbitMQ has delivered for one lane and its worker has not taken yet.

One worker applies all the shards of a lane that this process holds: the more writes share a
transaction, the less each costs.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from jobhopper_core.broker.names import Lane
from jobhopper_core.store import suspects

WRITES_MAX = 2_000
BYTES_MAX = 8 * 1024 * 1024
LINGER_SECONDS = 0.02
_POLL_SECONDS = 0.002
_RETURNED_MAX = 10_000
# From this many writes in a batch on, sharing a transaction is worth a wait.
BUSY_WRITES = 20


class Delivery(NamedTuple):
    """A message as it came; `epoch` counts the openings of its shard's channel."""

    shard: int
    epoch: int
    tag: int
    redelivered: bool
    message_id: str
    body: bytes
    writes: int
    traceparent: str | None = None
    # It came back from this process, which lives: no one died of it.
    trusted: bool = False

    @property
    def suspect(self) -> bool:
        """Whether it may be what killed a consumer."""
        return self.redelivered and not self.trusted

    @property
    def name(self) -> str:
        """What the message is known by, also when it comes again."""
        return suspects.name_of(self.message_id, self.body)


class Inbox:
    """Deliveries in the order they came. The I/O thread puts, the worker takes."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._deliveries: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._busy_until = 0.0
        self._returned: dict[str, None] = {}

    def put(self, delivery: Delivery) -> None:
        """Takes in a message."""
        with self._changed:
            if delivery.redelivered and self._returned:
                # Believed once: it may go to another consumer, and come back from its death.
                trusted = self._returned.pop(delivery.name, self) is None
                delivery = delivery._replace(trusted=trusted)
            self._deliveries.append(delivery)
            self._changed.notify()

    def trust(self, deliveries: Iterable[Delivery]) -> None:
        """Notes messages that go back for a reason that is none of theirs.

        After an outage whole windows come back, and a death later on would have each of them tried
        alone. What came from a death stays suspect.
        """
        self._returned |= {one.name: None for one in deliveries if not one.suspect}
        while len(self._returned) > _RETURNED_MAX:
            del self._returned[next(iter(self._returned))]

    def wake(self) -> None:
        """Ends a wait for messages."""
        with self._changed:
            self._changed.notify_all()

    def clear(self, shard: int) -> None:
        """Drops what came for a shard: its channel is closed, so RabbitMQ has it all back."""
        with self._changed:
            self.trust(one for one in self._deliveries if one.shard == shard)
            self._deliveries = deque(one for one in self._deliveries if one.shard != shard)

    def gather(self, seconds: float) -> list[Delivery]:
        """The next batch: what is there, or what comes within `seconds`; may be empty.

        While more keeps arriving it waits for it, up to 20 ms, so that a busy lane gets large
        batches and a quiet one no delay.
        """
        with self._changed:
            if not self._deliveries:
                self._changed.wait(seconds)
        if time.monotonic() < self._busy_until:
            self._linger()
        batch = self._take()
        if sum(one.writes for one in batch) >= BUSY_WRITES:
            self._busy_until = time.monotonic() + LINGER_SECONDS
        return batch

    def _linger(self) -> None:
        until = time.monotonic() + LINGER_SECONDS
        seen = 0
        while time.monotonic() < until:
            now = sum(one.writes for one in tuple(self._deliveries))
            if now == seen or now >= WRITES_MAX:
                return
            seen = now
            time.sleep(_POLL_SECONDS)

    def _take(self) -> list[Delivery]:
        batch: list[Delivery] = []
        writes = size = 0
        with self._changed:
            while self._deliveries:
                one = self._deliveries[0]
                writes += one.writes
                size += len(one.body)
                full = writes > WRITES_MAX or size > BYTES_MAX
                # What came back may have killed a consumer: it takes nothing else along.
                if batch and (full or one.suspect != batch[0].suspect):
                    break
                batch.append(self._deliveries.popleft())
        return batch
