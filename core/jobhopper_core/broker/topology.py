"""What stands in RabbitMQ: declared at start by whoever comes first, always in these words."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pika.adapters.blocking_connection import BlockingChannel

from jobhopper_core.broker.names import DEAD, EXCHANGE, Lane, queue_of


class QueueDeclaration(NamedTuple):
    """A queue and its arguments; `routing_key` None binds it to no exchange."""

    name: str
    arguments: Mapping[str, Any]
    routing_key: str | None


def exchange() -> dict[str, Any]:
    """The arguments that declare the exchange."""
    return {"exchange": EXCHANGE, "exchange_type": "direct", "durable": True}


def queues(shards: int) -> Iterator[QueueDeclaration]:
    """Every queue of an install with `shards` shards."""
    for lane in Lane:
        for shard in range(shards):
            name = queue_of(lane, shard)
            yield QueueDeclaration(name, _WRITES, name)
    yield QueueDeclaration(DEAD, _QUORUM, None)


# RabbitMQ's default of 20 deliveries would drop good messages after an outage: closing a channel
# counts against every message of its window. Poison is found by other means.
_QUORUM: Mapping[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": -1}
# One consumer a queue at a time, the one of the highest priority. A full queue refuses instead of
# dropping its oldest; its length is a matter of policy.
_WRITES: Mapping[str, Any] = {
    **_QUORUM,
    "x-single-active-consumer": True,
    "x-overflow": "reject-publish",
}


def declare(channel: BlockingChannel, shards: int) -> None:
    """Declares everything on a channel of its own, which is closed afterwards.

    Raises pika's ChannelClosedByBroker when something stands there with other arguments.
    """
    channel.exchange_declare(**exchange())
    for one in queues(shards):
        channel.queue_declare(one.name, durable=True, arguments=dict(one.arguments))
        if one.routing_key is not None:
            channel.queue_bind(one.name, EXCHANGE, one.routing_key)
    channel.close()
