"""The names that stand in RabbitMQ; others may depend on them."""

import re
from enum import StrEnum

EXCHANGE = "jobhopper.writes"
DEAD = "jobhopper.dead"
# A queue that never holds anything: who has declared it exclusively is alone with the dead letters.
DEAD_LOCK = "jobhopper.dead.lock"

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


def place_of(queue: str) -> tuple[Lane, int] | None:
    """The lane and shard that a queue belongs to, or None where the name is no such queue's."""
    match = _QUEUE.fullmatch(queue)
    return None if match is None else (Lane(match["lane"]), int(match["shard"]))


_QUEUE = re.compile(r"jobhopper\.(?P<lane>creates|updates)\.(?P<shard>0|[1-9][0-9]{0,4})")
