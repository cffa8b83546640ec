"""What the pruner is told by the environment."""

import msgspec


class PrunerSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_MYSQL_URL, _REDIS_URL and _LOG_LEVEL."""

    mysql_url: str = ""
    redis_url: str = ""
    log_level: str = "info"
