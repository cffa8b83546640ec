"""What the migrator is told by the environment."""

import msgspec


class MigratorSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_MYSQL_URL and _LOG_LEVEL."""

    mysql_url: str = ""
    log_level: str = "info"
