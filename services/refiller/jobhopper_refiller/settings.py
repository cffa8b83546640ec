"""What the refiller is told by the environment."""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobhopper_core.model.limits import SHARDS_DEFAULT, SHARDS_MAX


class RefillerSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_MYSQL_URL, _RABBITMQ_URL, _REDIS_URL, _SHARDS, and what all share."""

    mysql_url: str = ""
    rabbitmq_url: str = ""
    redis_url: str = ""
    shards: Annotated[int, Meta(ge=1, le=SHARDS_MAX)] = SHARDS_DEFAULT
    metrics_listen: str = "9464"
    log_level: str = "info"
