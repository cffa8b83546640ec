"""What the API is told by the environment."""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobhopper_core.model.limits import SHARDS_DEFAULT, SHARDS_MAX


class ApiSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_MYSQL_URL, _RABBITMQ_URL, _REDIS_URL, _ADMIN_KEY, _LEASE_KEYS, and addresses."""

    mysql_url: str = ""
    rabbitmq_url: str = ""
    redis_url: str = ""
    admin_key: str | None = None
    lease_keys: str | None = None
    shards: Annotated[int, Meta(ge=1, le=SHARDS_MAX)] = SHARDS_DEFAULT
    listen: str = "8080"
    metrics_listen: str = "9464"
    log_level: str = "info"
