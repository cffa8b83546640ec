"""How every process of ours connects to RabbitMQ."""

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from jobhopper_core import tcp
from jobhopper_core.errors import ConfigurationError

# What says that RabbitMQ can't serve; one that hangs while connecting has a root of its own.
AWAY = (AMQPError, AMQPConnectorException, OSError)
CONNECT_SECONDS = 1.0
# RabbitMQ gives a consumer that has gone without a word up after two of them, and until then its
# queues stand still. Below 5 s it takes a busy peer for a dead one.
HEARTBEAT_SECONDS = 5
BLOCKED_SECONDS = 5


def parameters(url: str) -> pika.URLParameters:
    """Parameters in which nothing waits without bound.

    Raises ConfigurationError when the URL can't be read; it never repeats the password.
    """
    try:
        found = pika.URLParameters(url)
    except OSError as error:
        raise ConfigurationError(
            f"JOBHOPPER_RABBITMQ_URL: a file that its ssl_options name can't be used: {error}."
        ) from None
    except Exception:  # noqa: BLE001 - the library raises whatever it trips over
        raise ConfigurationError(
            "JOBHOPPER_RABBITMQ_URL must read amqp://USER:PASSWORD@HOST:PORT/VHOST "
            "(amqps:// for TLS; percent-encode what is special; %2F is the default vhost)."
        ) from None
    found.socket_timeout = CONNECT_SECONDS
    found.stack_timeout = 3 * CONNECT_SECONDS
    found.blocked_connection_timeout = BLOCKED_SECONDS
    found.heartbeat = HEARTBEAT_SECONDS
    found.connection_attempts = 1
    found.tcp_options = tcp.options_by_name()
    return found
