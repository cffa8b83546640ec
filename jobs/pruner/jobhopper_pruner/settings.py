"""What the pruner is told by the environment."""

import msgspec


class PrunerSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_MYSQL_URL, _REDIS_URL, _METRICS_LISTEN and _LOG_LEVEL.

    Without _METRICS_LISTEN it serves no probes.
    """

    mysql_url: str = ""
    redis_url: str = ""
    metrics_listen: str = ""
    log_level: str = "info"
