"""What the dead-letter queue is told of a message, so that a person can judge it there."""

import time
from typing import Any

from jobhopper_consumer.inbox import Delivery
from jobhopper_core.broker import names
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import StoreDataError

_ERROR_MAX = 1_000


def headers_of(delivery: Delivery, lane: Lane, error: StoreDataError) -> dict[str, Any]:
    """The headers of a dead letter: the error, its code, where it came from, and when."""
    headers: dict[str, Any] = {
        names.HEADER_ERROR: str(error)[:_ERROR_MAX],
        names.HEADER_CODE: error.code,
        names.HEADER_QUEUE: names.queue_of(lane, delivery.shard),
        names.HEADER_AT: time.time_ns() // 1000,
        names.HEADER_WRITES: 1,
    }
    if delivery.traceparent is not None:
        headers[names.HEADER_TRACE] = delivery.traceparent
    return headers
