"""Updates that have overtaken the claim they belong to: they go to the tail of their queue.

A claim of the outage mode is in RabbitMQ before any update of it, but what is returned comes back
scrambled. Behind everything that is there now the update finds its claim applied, or refused.
"""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from jobhopper_consumer.amqp import Amqp
from jobhopper_consumer.batch import Item
from jobhopper_core.broker.envelope import of_writes
from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Create, Write

# A claim that is not there after so many rounds was never sent, or its row was restored.
_TRIES_MAX = 20
_CONFIRM_SECONDS = 5.0


def send_again(amqp: Amqp, lane: Lane, items: Sequence[Item]) -> None:
    """Returns when RabbitMQ has `items` again; those that were tried often enough are left out.

    Raises AMQPError or TimeoutError.
    """
    groups: defaultdict[tuple[int, str], list[Item]] = defaultdict(list)
    for item in items:
        if not isinstance(item.write, Create) and item.write.again < _TRIES_MAX:
            groups[item.delivery.shard, item.place.message].append(item)
    sent = [
        amqp.send_again(lane, shard, of_writes([_once_more(item.write) for item in group], at))
        for (shard, _), group in groups.items()
        for at in (group[0].at,)
    ]
    for one in sent:
        one.result(_CONFIRM_SECONDS)


def _once_more(write: Write) -> Write:
    if isinstance(write, Create):
        return write
    return msgspec.structs.replace(write, again=write.again + 1)
