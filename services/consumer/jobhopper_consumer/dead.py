"""What the dead-letter queue is told of a message, so that a person can judge it there."""

import time
from typing import Any

from jobhopper_consumer.batch import Reject
from jobhopper_core.broker import names
from jobhopper_core.broker.names import Lane

_ERROR_MAX = 1_000


def headers_of(reject: Reject, lane: Lane) -> dict[str, Any]:
    """The headers of a dead letter: the error, its code, where it came from, and when."""
    headers: dict[str, Any] = {
        names.HEADER_ERROR: str(reject.error)[:_ERROR_MAX],
        names.HEADER_CODE: reject.error.code,
        names.HEADER_QUEUE: names.queue_of(lane, reject.delivery.shard),
        names.HEADER_AT: time.time_ns() // 1000,
        names.HEADER_WRITES: reject.writes,
    }
    if reject.delivery.traceparent is not None:
        headers[names.HEADER_TRACE] = reject.delivery.traceparent
    return headers
