"""Reads a process's settings from the environment; what is wrong stops it at the start.

Each process has a settings class of its own: a msgspec struct whose fields are named as the
variables without `JOBHOPPER_`, in lower case. A secret can also come from a file that
`…_FILE` names.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from jobhopper_core.errors import ConfigurationError

T = TypeVar("T", bound=msgspec.Struct)
_PREFIX = "JOBHOPPER_"
_PORT_MAX = 65_535
SECRETS = frozenset({"MYSQL_URL", "RABBITMQ_URL", "REDIS_URL", "ADMIN_KEY", "LEASE_KEYS"})
# Every variable of any part of Jobhopper: one environment may serve several of them.
KNOWN = frozenset(
    {
        *SECRETS,
        *(f"{name}_FILE" for name in SECRETS),
        "SHARDS",
        "LISTEN",
        "METRICS_LISTEN",
        "REPLICA",
        "LOG_LEVEL",
        "URL",
        "KEY",
    }
)


def read_settings(type_: type[T], environment: Mapping[str, str]) -> T:
    """The settings of `type_`. Raises ConfigurationError, which names the variable."""
    given = {
        name.removeprefix(_PREFIX): value
        for name, value in environment.items()
        if name.startswith(_PREFIX)
    }
    for name in given:
        _refuse_unknown(name)
    values = {
        field: value for field in type_.__struct_fields__ if (value := _value(field.upper(), given))
    }
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_explained(str(error))) from None


def _refuse_unknown(name: str) -> None:
    if name in KNOWN:
        return
    close = difflib.get_close_matches(name, KNOWN, 1)
    hint = f"did you mean {_PREFIX}{close[0]}?" if close else "remove it."
    raise ConfigurationError(f"There is no setting {_PREFIX}{name}: {hint}")


def _value(name: str, given: Mapping[str, str]) -> str | None:
    file = given.get(f"{name}_FILE")
    if file is None:
        return given.get(name)
    if given.get(name):
        raise ConfigurationError(f"Set {_PREFIX}{name} or {_PREFIX}{name}_FILE, not both.")
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"{_PREFIX}{name}_FILE: can't read {file}: {reason}.") from None


def _explained(text: str) -> str:
    reason, _, path = text.partition(" - at `$.")
    return f"{_PREFIX}{path.rstrip('`').upper()} is wrong: {reason}."


def address(value: str, name: str) -> tuple[str, int]:
    """The (host, port) of `host:port` or a bare port. Raises ConfigurationError."""
    host, _, port = value.rpartition(":")
    if not port.isdigit() or not 0 < int(port) <= _PORT_MAX:
        raise ConfigurationError(f"{_PREFIX}{name} is {value!r}; it must read host:port or port.")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - a pod serves the cluster
