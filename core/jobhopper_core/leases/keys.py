"""The keys that sign lease tokens: the first signs, all of them are accepted."""

import base64
import re
import secrets

from jobhopper_core.errors import ConfigurationError

_KID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_SECRET_MIN = 32


def parse(text: str) -> dict[str, bytes]:
    """Signing keys from `kid:base64,kid:base64,…`, in that order.

    Raises ConfigurationError, which never repeats a key's secret part.
    """
    keys = dict(_parse_one(part.strip()) for part in text.split(","))
    if len(keys) != text.count(",") + 1:
        raise ConfigurationError("JOBHOPPER_LEASE_KEYS names a key id twice; give each its own.")
    return keys


def make() -> str:
    """A new signing key in the form that `parse` reads."""
    return f"k{secrets.token_hex(3)}:{base64.b64encode(secrets.token_bytes(_SECRET_MIN)).decode()}"


def _parse_one(part: str) -> tuple[str, bytes]:
    kid, separator, encoded = part.partition(":")
    if not separator or not _KID.fullmatch(kid):
        raise ConfigurationError(
            "JOBHOPPER_LEASE_KEYS must read kid:base64,kid:base64,…; a kid is 1 to 16 letters, "
            "digits, '-' or '_'."
        )
    try:
        secret = base64.b64decode(encoded, validate=True)
    except ValueError:  # what is not ASCII raises this itself, the rest its subclass
        raise ConfigurationError(f"JOBHOPPER_LEASE_KEYS: key {kid} is not base64.") from None
    if len(secret) < _SECRET_MIN:
        raise ConfigurationError(
            f"JOBHOPPER_LEASE_KEYS: key {kid} is shorter than {_SECRET_MIN} bytes; "
            "make one with: openssl rand -base64 32"
        )
    return kid, secret
