"""What the embedded mode is told by the environment."""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.model import access
from jobhopper_core.model.limits import SHARDS_DEFAULT, SHARDS_MAX

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class EmbeddedSettings(msgspec.Struct, frozen=True):
    """JOBHOPPER_ADMIN_KEY, _LEASE_KEYS, _SHARDS, _LOG_LEVEL; all may be left out on loopback."""

    admin_key: str | None = None
    lease_keys: str | None = None
    shards: Annotated[int, Meta(ge=1, le=SHARDS_MAX)] = SHARDS_DEFAULT
    log_level: str = "warning"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    return host in _LOOPBACK


def check_admin_key(settings: EmbeddedSettings, host: str) -> None:
    """Raises ConfigurationError when others could call without a key, or the key has no form."""
    key = settings.admin_key
    if key is None:
        if not is_loopback(host):
            raise ConfigurationError(
                f"Serving on {host} needs JOBHOPPER_ADMIN_KEY (or JOBHOPPER_ADMIN_KEY_FILE): other "
                f"machines can reach it. Make one: {access.make_secret()[1]}"
            )
        return
    if access.key_id(key) is None:
        raise ConfigurationError(
            f"JOBHOPPER_ADMIN_KEY {access.KEY_FORM} Make one: {access.make_secret()[1]}"
        )
