"""The names that stand in RabbitMQ; others may depend on them."""

from enum import StrEnum

EXCHANGE = "jobhopper.writes"
DEAD = "jobhopper.dead"

HEADER_WRITES = "x-jh-writes"
HEADER_ERROR = "x-jh-error"
HEADER_CODE = "x-jh-code"
HEADER_QUEUE = "x-jh-queue"
HEADER_AT = "x-jh-at"
HEADER_TRACE = "traceparent"


class Lane(StrEnum):
    """What an envelope carries: new jobs, or the updates of workers."""

    CREATES = "creates"
    UPDATES = "updates"


def queue_of(lane: Lane, shard: int) -> str:
    """The queue of a lane's shard; its routing key reads the same."""
    return f"jobhopper.{lane}.{shard}"
