"""Checks JSON values that are kept as text: payload, result, error, progress.

They come back byte for byte, so they are never turned into Python values and back; the decoder
has made sure of their grammar, and this of what grammar does not cover.
"""

import re

from msgspec import Raw

from jobhopper_core.errors import InvalidFieldError
from jobhopper_core.model.limits import DEPTH_MAX

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
# With escaped backslashes taken out, `\u` always begins an escape.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)


def checked(value: Raw, field: str, size_max: int) -> str:
    """The text of `value`, at most `size_max` bytes of it.

    Raises InvalidFieldError: too large, nested too deep, or holding half a surrogate pair.
    """
    data = bytes(value)
    if len(data) > size_max:
        raise InvalidFieldError(
            field,
            f"is {len(data)} bytes; at most {size_max} are allowed. Store it elsewhere "
            "and send a reference.",
        )
    if _depth_exceeds(data, DEPTH_MAX):
        raise InvalidFieldError(field, f"is nested deeper than {DEPTH_MAX} levels; flatten it.")
    if has_lone_surrogate(data):
        raise InvalidFieldError(
            field, "holds half of a surrogate pair (\\ud800 to \\udfff); send whole characters."
        )
    return data.decode()


def has_lone_surrogate(data: bytes) -> bool:
    """Whether an escape in `data` names half of a surrogate pair without its other half."""
    return b"\\u" in data and _LONE_SURROGATE.search(data.replace(b"\\\\", b"")) is not None


def _depth_exceeds(data: bytes, most: int) -> bool:
    # Nearly every value has fewer brackets in all than it may have levels.
    if data.count(b"[") + data.count(b"{") <= most:
        return False
    depth = 0
    for match in _BRACKET.finditer(_STRING.sub(b"", data)):
        depth += 1 if match.group() in b"[{" else -1
        if depth > most:
            return True
    return False
