"""The worker of a lane: takes a batch, applies it, offers, acknowledges; for ever.

What goes wrong is of two kinds. Bad data is the message's own fault: the batch is halved until
the bad write stands alone and goes to the dead-letter queue. Everything else is the
infrastructure's: the messages go back to RabbitMQ and wait there until MySQL answers.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial

from pika.exceptions import AMQPError

from jobhopper_consumer.amqp import Amqp, Port
from jobhopper_consumer.batch import Batch, read
from jobhopper_consumer.dead import headers_of
from jobhopper_consumer.inbox import Delivery, Inbox
from jobhopper_consumer.telemetry import ConsumerMetrics
from jobhopper_core.broker.envelope import encode, of_writes
from jobhopper_core.errors import StoreDataError, UnavailableError
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.store import suspects
from jobhopper_core.store.database import Database
from jobhopper_core.telemetry.probes import Pulse

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.5
_PAUSES = (0.1, 0.2, 0.5, 1.0)
_BURY_SECONDS = 5.0
# So many bad writes within a minute are no accident: the shard stops and says so.
_DEAD_PER_MINUTE = 10


class DeadLetterStormError(Exception):
    """More bad writes came within a minute than chance explains."""


class Worker:
    """Applies what its port delivers."""

    def __init__(
        self,
        inbox: Inbox,
        ports: Sequence[Port],
        amqp: Amqp,
        database: Database,
        flow: ApplyAndOffer,
        metrics: ConsumerMetrics,
        pulse: Pulse,
    ) -> None:
        self._inbox = inbox
        self._ports = {port.shard: port for port in ports}
        self._amqp = amqp
        self._database = database
        self._flow = flow
        self._metrics = metrics
        self._pulse = pulse
        self._stopping = threading.Event()
        self._buried: list[float] = []
        self.name = str(inbox.lane)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the batch that is under way."""
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._pulse.beat(self.name)
            try:
                self.run_once()
            except (UnavailableError, AMQPError, FutureTimeoutError) as error:
                self._wait_for_stores(error)
            except DeadLetterStormError:
                self._halt()
            except Exception:  # noqa: BLE001 - a worker outlives whatever fails a batch
                _log.exception("loop_failed", extra={"turn": self.name})
                self._wait_for_stores(None)

    def run_once(self) -> int:
        """Takes and applies one batch; returns how many writes it held.

        Raises UnavailableError when a store can't serve; nothing of the batch is lost.
        """
        deliveries = self._inbox.gather(_IDLE_SECONDS)
        if not deliveries:
            return 0
        batch, bad = read(deliveries)
        for delivery, error in bad:
            self._bury(delivery, delivery.body, error)
        if batch.suspect is not None:
            self._apply_suspect(batch, batch.suspect)
        else:
            self._apply(batch)
        # Of each shard the last: acknowledging it acknowledges all before it.
        for last in {delivery.shard: delivery for delivery in deliveries}.values():
            self._amqp.ack(self._ports[last.shard], last.epoch, last.tag)
        return len(batch.items)

    def _apply_suspect(self, batch: Batch, message_id: str) -> None:
        accuse = partial(
            suspects.accuse, message_id=message_id, lane=self._inbox.lane, shard=batch.shards[0]
        )
        deaths = self._database.write(accuse).result()
        if deaths > suspects.DEATHS_MAX:
            for item in batch.items:
                error = StoreDataError("Three consumers died of this message.")
                self._bury(item.delivery, encode(of_writes([item.write], item.at)), error)
            self._database.write(partial(suspects.clear, message_id=message_id)).result()
            return
        try:
            self._apply(batch, partial(suspects.clear, message_id=message_id))
        except UnavailableError:
            self._database.write(partial(suspects.forgive, message_id=message_id)).result()
            raise

    def _apply(self, batch: Batch, also: Callable[..., None] | None = None) -> None:
        lane = self._inbox.lane
        writes = [item.write for item in batch.items]
        began = time.perf_counter()
        try:
            done = self._flow.run(lane, batch.shards, writes, batch.ticks, also)
        except StoreDataError as error:
            self._halve(batch, also, error)
            return
        self._metrics.observe(lane, done, time.perf_counter() - began)

    def _halve(self, batch: Batch, also: Callable[..., None] | None, error: StoreDataError) -> None:
        if len(batch.items) == 1:
            item = batch.items[0]
            self._bury(item.delivery, encode(of_writes([item.write], item.at)), error)
            # The tick and the suspicion are still to be dealt with.
            self._apply(batch.without_items(), also)
            return
        first, second = batch.halves()
        self._apply(first)
        self._apply(second, also)

    def _bury(self, delivery: Delivery, body: bytes, error: StoreDataError) -> None:
        now = time.monotonic()
        self._buried = [then for then in self._buried if then > now - 60]
        if len(self._buried) >= _DEAD_PER_MINUTE:
            raise DeadLetterStormError
        headers = headers_of(delivery, self._inbox.lane, error)
        self._amqp.bury(body, delivery.message_id, headers).result(_BURY_SECONDS)
        self._buried.append(now)
        self._metrics.buried.labels(self._inbox.lane).inc()
        _log.error("dead_letter", extra={"shard": self.name, "code": error.code})

    def _wait_for_stores(self, error: Exception | None) -> None:
        self._return_all()
        if error is not None:
            _log.warning("batch_returned", extra={"shard": self.name, "reason": str(error)[:200]})
        for pause in _forever(_PAUSES):
            self._pulse.beat(self.name)
            if self._stopping.wait(pause) or self._answers():
                break
        self._open_all()

    def _return_all(self) -> None:
        for port in self._ports.values():
            self._amqp.give_back(port)

    def _open_all(self) -> None:
        for port in self._ports.values():
            self._amqp.open(port)

    def _answers(self) -> bool:
        try:
            self._database.read(lambda tx: tx.read("SELECT 1")).result(10)
        except (UnavailableError, FutureTimeoutError):
            return False
        return self._amqp.up

    def _halt(self) -> None:
        self._return_all()
        self._metrics.halted.labels(self.name).set(1)
        _log.error("shard_halted", extra={"shard": self.name})
        while not self._stopping.wait(1.0):
            self._pulse.beat(self.name)
            if self._buried and self._buried[0] < time.monotonic() - 60:
                break
        self._metrics.halted.labels(self.name).set(0)
        self._open_all()


def _forever(pauses: Sequence[float]) -> Iterator[float]:
    yield from pauses
    while True:
        yield pauses[-1]
