"""What RabbitMQ has delivered for one (lane, shard) and the worker has not taken yet."""

import threading
import time
from collections import deque
from typing import NamedTuple

from jobhopper_core.broker.names import Lane

WRITES_MAX = 2_000
BYTES_MAX = 8 * 1024 * 1024
LINGER_SECONDS = 0.02
_POLL_SECONDS = 0.002


class Delivery(NamedTuple):
    """A message as it came; `epoch` counts the openings of its channel."""

    epoch: int
    tag: int
    redelivered: bool
    message_id: str
    body: bytes
    writes: int
    traceparent: str | None = None


class Inbox:
    """Deliveries in the order they came. The I/O thread puts, the worker takes."""

    def __init__(self, lane: Lane, shard: int) -> None:
        self.lane = lane
        self.shard = shard
        self._deliveries: deque[Delivery] = deque()
        self._changed = threading.Condition()

    def put(self, delivery: Delivery) -> None:
        """Takes in a message."""
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify()

    def clear(self) -> None:
        """Drops everything: the channel is closed, so RabbitMQ has it all back."""
        with self._changed:
            self._deliveries.clear()

    def gather(self, seconds: float) -> list[Delivery]:
        """The next batch: what is there, or what comes within `seconds`; may be empty.

        While more keeps arriving it waits for it, up to 20 ms, so that a busy lane gets large
        batches and a quiet one no delay.
        """
        with self._changed:
            if not self._deliveries:
                self._changed.wait(seconds)
            seen = len(self._deliveries)
        until = time.monotonic() + LINGER_SECONDS
        while 1 < seen < WRITES_MAX and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            now = len(self._deliveries)
            if now == seen:
                break
            seen = now
        return self._take()

    def _take(self) -> list[Delivery]:
        batch: list[Delivery] = []
        writes = size = 0
        with self._changed:
            while self._deliveries:
                one = self._deliveries[0]
                writes += one.writes
                size += len(one.body)
                full = writes > WRITES_MAX or size > BYTES_MAX
                # A message that came back may be what killed a consumer: it goes alone.
                if batch and (full or one.redelivered or batch[0].redelivered):
                    break
                batch.append(self._deliveries.popleft())
        return batch
