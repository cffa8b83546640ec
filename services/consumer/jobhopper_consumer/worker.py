"""The worker of a lane: takes a batch, applies it, offers, acknowledges; for ever.

What goes wrong is of two kinds. Bad data is the message's own fault: the batch is halved until
the bad write stands alone and goes to the dead-letter queue. Everything else is the
infrastructure's: the messages go back to RabbitMQ and wait there until MySQL answers.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial

from pika.exceptions import AMQPError

from jobhopper_consumer.amqp import Amqp, Port
from jobhopper_consumer.batch import Batch, Item, Reject, read, reject, reject_whole
from jobhopper_consumer.cemetery import Cemetery, DeadLetterStormError
from jobhopper_consumer.inbox import Delivery, Inbox
from jobhopper_consumer.overtaking import send_again
from jobhopper_consumer.telemetry import ConsumerMetrics
from jobhopper_consumer.trials import Trials
from jobhopper_core.errors import JobhopperError, StoreDataError, UnavailableError
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.model.writes import Outcome
from jobhopper_core.store import shards
from jobhopper_core.store.database import Database
from jobhopper_core.telemetry.probes import Pulse

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.5
_PAUSES = (0.1, 0.2, 0.4)
_ANSWER_SECONDS = 10.0


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
        self._cemetery = Cemetery(amqp, inbox.lane, metrics)
        self._trials = Trials(database, inbox.lane)
        # By shard, the time (µs) up to which ticks don't count: an update stands behind them that
        # was accepted before them.
        self._ticks_after: dict[int, int] = {}
        self._failures = 0
        self._in_hand: Sequence[Delivery] = ()
        self.name = str(inbox.lane)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the batch that is under way."""
        self._stopping.set()
        self._inbox.wake()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._pulse.beat(self.name)
            try:
                self.run_once()
            except (UnavailableError, AMQPError, FutureTimeoutError) as error:
                self._inbox.trust(self._in_hand)
                self._log_returned(error)
                self._wait_for_stores()
            except DeadLetterStormError:
                self._halt()
            except Exception:  # noqa: BLE001 - a worker outlives whatever fails a batch
                _log.exception("loop_failed", extra={"turn": self.name})
                self._wait_for_stores()

    def run_once(self) -> int:
        """Takes and applies one batch; returns how many writes it held.

        Raises UnavailableError when a store can't serve; nothing of the batch is lost.
        """
        deliveries = self._in_hand = self._inbox.gather(_IDLE_SECONDS)
        if not deliveries:
            return 0
        batch, rejects = self._read(deliveries)
        if batch.suspects and len(deliveries) > 1 and not self._together(batch, rejects):
            return self._settle_apart(deliveries)
        return self._settle(deliveries, batch, rejects)

    def _together(self, batch: Batch, rejects: Sequence[Reject]) -> bool:
        # What can't be read is buried at once, and acknowledged before what may be deadly is tried.
        return not rejects and self._trials.begin_together(batch)

    def _settle_apart(self, deliveries: Sequence[Delivery]) -> int:
        done = 0
        for one in deliveries:
            # After a channel's end another consumer may be at it.
            if self._stopping.is_set() or not self._ports[one.shard].holds(one):
                continue
            done += self._settle([one], *self._read([one]))
        return done

    def _read(self, deliveries: Sequence[Delivery]) -> tuple[Batch, list[Reject]]:
        batch, rejects = read(deliveries, self._cemetery)
        return batch.with_ticks_after(self._ticks_after), rejects

    def _settle(
        self, deliveries: Sequence[Delivery], batch: Batch, rejects: Sequence[Reject]
    ) -> int:
        for one in rejects:
            self._cemetery.bury(one)
        if batch.suspects:
            self._try(batch, alone=len(deliveries) == 1)
        elif batch.items or batch.ticks:
            self._apply(batch)
        self._acknowledge(deliveries, suspected=bool(batch.suspects))
        self._failures = 0
        for shard, bid in batch.bids.items():
            if bid > self._ports[shard].rank:
                self._leave(shard)
        return len(batch.items)

    def _acknowledge(self, deliveries: Sequence[Delivery], *, suspected: bool) -> None:
        # What is tried next may be deadly, and neither what was tried before it nor what was
        # buried may come again then.
        at_once = self._cemetery.forget(deliveries) or suspected
        # Of each shard the last: acknowledging it acknowledges all before it.
        for last in {delivery.shard: delivery for delivery in deliveries}.values():
            self._amqp.ack(self._ports[last.shard], last.epoch, last.tag, at_once=at_once)

    def _leave(self, shard: int) -> None:
        """Gives a shard up to whoever is next in line, and stands in line again."""
        _log.info("shard_left", extra={"shard": f"{self.name}.{shard}"})
        self._amqp.give_back(self._ports[shard])
        self._amqp.open(self._ports[shard])

    def _try(self, batch: Batch, *, alone: bool) -> None:
        if alone and not self._trials.begin_alone(batch):
            error = StoreDataError("Three consumers died of this message.")
            for one in batch.suspects:
                self._cemetery.bury(reject_whole(one, error))
            self._trials.clear(batch)
            return
        try:
            self._apply(batch, self._trials.clearing(batch))
        except Exception:
            # Whatever it was, nobody died of it.
            self._trials.survive(batch)
            raise

    def _apply(self, batch: Batch, also: Callable[..., None] | None = None) -> None:
        self._pulse.beat(self.name)
        writes = [item.write for item in batch.items]
        began = time.perf_counter()
        try:
            done = self._flow.run(self._inbox.lane, batch.shards, writes, batch.ticks, also)
        except StoreDataError as error:
            self._divide(batch, also, error)
            return
        self._metrics.observe(self._inbox.lane, done, time.perf_counter() - began)
        ahead = [
            item
            for item, outcome in zip(batch.items, done.outcomes, strict=True)
            if outcome is Outcome.AHEAD
        ]
        if ahead:
            self._send_again(ahead)

    def _send_again(self, ahead: Sequence[Item]) -> None:
        send_again(self._amqp, self._inbox.lane, ahead)
        now = self._database.read(lambda tx: tx.now()).result()
        self._ticks_after |= {item.delivery.shard: now for item in ahead}

    def _divide(
        self, batch: Batch, also: Callable[..., None] | None, error: StoreDataError
    ) -> None:
        if not batch.items:
            # What a tick sets off failed. The next one tries again; no write is to blame.
            _log.error("loop_failed", exc_info=error, extra={"turn": f"{self.name} tick"})
            return
        if len(batch.items) == 1:
            self._try_alone(batch, error)
        else:
            for half in batch.halves():
                self._apply(half)
        if batch.ticks or also is not None:
            self._apply(batch.without_items(), also)

    def _try_alone(self, batch: Batch, error: StoreDataError) -> None:
        if batch.ticks:
            # It may have been the tick that failed.
            self._apply(Batch(batch.items, batch.shards))
        else:
            self._cemetery.bury(reject(batch.items[0], error))

    def _log_returned(self, error: Exception) -> None:
        reason = str(error)[:200] or type(error).__name__
        _log.warning("batch_returned", extra={"shard": self.name, "reason": reason})

    def _wait_for_stores(self) -> None:
        self._return_all()
        while not self._stopping.is_set():
            self._pulse.beat(self.name)
            self._stopping.wait(_PAUSES[min(self._failures, len(_PAUSES) - 1)])
            self._failures += 1
            if self._all_returned() and self._answers():
                self._open_all()
                return

    def _return_all(self) -> None:
        for port in self._ports.values():
            self._amqp.give_back(port)

    def _all_returned(self) -> bool:
        # Until then a fresh tick of an old channel might overtake what was returned.
        return all(port.channel is None for port in self._ports.values())

    def _open_all(self) -> None:
        for port in self._ports.values():
            self._amqp.open(port)

    def _answers(self) -> bool:
        probe = partial(shards.can_write, lane=self._inbox.lane, shards=list(self._ports))
        try:
            self._database.write(probe).result(_ANSWER_SECONDS)
        except (JobhopperError, FutureTimeoutError):
            return False
        return self._trials.forgive() and self._amqp.up

    def _halt(self) -> None:
        self._return_all()
        self._metrics.halted.labels(self.name).set(1)
        _log.error("shard_halted", extra={"shard": self.name})
        while not self._stopping.wait(1.0):
            self._pulse.beat(self.name)
            if not self._cemetery.is_full():
                break
        self._metrics.halted.labels(self.name).set(0)
        self._wait_for_stores()
