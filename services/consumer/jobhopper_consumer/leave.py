"""Closes a channel at one stroke."""

from pika.adapters.blocking_connection import BlockingChannel


def leave(channel: BlockingChannel) -> None:
    """Closes `channel`, without ending its subscription first as the library's own `close` does.

    At the end of a subscription RabbitMQ wakes the next consumer, which gets fresh messages while
    this channel still holds older ones: a fresh tick would come before the updates that it
    vouches for. When a channel ends, all that it held goes back first.

    Raises AMQPError when the connection breaks meanwhile.
    """
    if not channel.is_open:
        return
    inner = channel._impl  # noqa: SLF001 - there is no other door to it
    inner._cancelled.update(inner._consumers)  # noqa: SLF001
    inner.close()
    channel._flush_output(lambda: channel.is_closed)  # noqa: SLF001
    channel._cleanup()  # noqa: SLF001
