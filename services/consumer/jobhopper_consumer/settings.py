"""What the consumer is told by the environment."""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.model.limits import SHARDS_DEFAULT, SHARDS_MAX


class ConsumerSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_MYSQL_URL, _RABBITMQ_URL, _REDIS_URL, _SHARDS, _REPLICA, and what all share."""

    mysql_url: str = ""
    rabbitmq_url: str = ""
    redis_url: str = ""
    shards: Annotated[int, Meta(ge=1, le=SHARDS_MAX)] = SHARDS_DEFAULT
    # The ordinal of this replica, or a pod's name that ends in one.
    replica: str = "0"
    metrics_listen: str = "9464"
    log_level: str = "info"


def ordinal(replica: str) -> int:
    """The ordinal in JOBHOPPER_REPLICA: `2`, or a StatefulSet pod's name such as `consumer-2`."""
    digits = replica.rpartition("-")[2]
    if not (digits.isascii() and digits.isdigit()):
        raise ConfigurationError(
            f"JOBHOPPER_REPLICA is {replica!r}; it must be a number or end in -NUMBER."
        )
    return int(digits)
