"""Where bad writes go: the dead-letter queue, a few a minute."""

import logging
import time
from collections.abc import Sequence

from jobhopper_consumer.amqp import Amqp
from jobhopper_consumer.batch import Place, Reject
from jobhopper_consumer.dead import headers_of
from jobhopper_consumer.inbox import Delivery
from jobhopper_consumer.telemetry import ConsumerMetrics
from jobhopper_core.broker.names import Lane

_log = logging.getLogger(__name__)

_BURY_SECONDS = 5.0
_MINUTE = 60.0
# So many bad writes within a minute are no accident: the shard stops and says so.
_DEAD_PER_MINUTE = 10
_REMEMBERED_MAX = 10_000


class DeadLetterStormError(Exception):
    """More bad writes came within a minute than chance explains."""


class Cemetery:
    """Buries what is refused, and knows what it has buried until its message is acknowledged.

    Else a message with more bad writes than may be buried in a minute would bury the same ones
    again after each halt, and never come to its end.
    """

    def __init__(self, amqp: Amqp, lane: Lane, metrics: ConsumerMetrics) -> None:
        self._amqp = amqp
        self._lane = lane
        self._metrics = metrics
        self._times: list[float] = []
        self._buried: dict[Place, None] = {}

    def __contains__(self, place: object) -> bool:
        return place in self._buried

    def is_full(self) -> bool:
        """Whether no more may be buried now."""
        now = time.monotonic()
        self._times = [then for then in self._times if then > now - _MINUTE]
        return len(self._times) >= _DEAD_PER_MINUTE

    def bury(self, reject: Reject) -> None:
        """Sends it to the dead-letter queue and returns when that is confirmed.

        Raises DeadLetterStormError, AMQPError, or TimeoutError.
        """
        if self.is_full():
            raise DeadLetterStormError
        headers = headers_of(reject, self._lane)
        message_id = reject.delivery.message_id
        self._amqp.bury(reject.body, message_id, headers).result(_BURY_SECONDS)
        self._times.append(time.monotonic())
        self._remember(reject.place)
        self._metrics.buried.labels(self._lane).inc()
        shard = f"{self._lane}.{reject.delivery.shard}"
        _log.error("dead_letter", extra={"shard": shard, "code": reject.error.code})

    def forget(self, deliveries: Sequence[Delivery]) -> bool:
        """Those are about to be acknowledged, and come no more; whether any was buried."""
        names = {delivery.name for delivery in deliveries} if self._buried else set()
        kept = {place: None for place in self._buried if place.message not in names}
        found = len(kept) < len(self._buried)
        self._buried = kept
        return found

    def _remember(self, place: Place) -> None:
        # What another replica has acknowledged meanwhile would stay for ever.
        if len(self._buried) >= _REMEMBERED_MAX:
            del self._buried[next(iter(self._buried))]
        self._buried[place] = None
