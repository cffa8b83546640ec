"""JSON as the API takes it: UTF-8, compact, without NaN, Infinity or half characters."""

import json
from decimal import Decimal
from typing import Any, TypeAlias

from jobhopper.errors import InvalidArgument

# Whatever `json.loads` gives; naming its shapes would force casts on every reader.
Json: TypeAlias = Any

# Python refuses to read a longer whole number, but a payload may hold one.
_DIGITS_MAX = 4_000


def encode(value: Json) -> bytes:
    """`value` as JSON. Raises InvalidArgument when JSON can't hold it."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"can't be written as JSON: {_why(error)}") from error


def decode(body: bytes) -> Json:
    """What `body` holds. Raises ValueError when it is not JSON.

    A whole number of more than 4,000 digits comes as a Decimal.
    """
    return json.loads(body, parse_int=_whole_number)


def _whole_number(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _DIGITS_MAX else Decimal(digits)


def _why(error: Exception) -> str:
    # A UnicodeEncodeError's own text would quote the value.
    return "half a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)
