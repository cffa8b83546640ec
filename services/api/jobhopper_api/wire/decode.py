"""Turns bodies and query strings into checked values; what is wrong is told by field."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from jobhopper_api.wire import fields, json_text
from jobhopper_core.errors import InvalidFieldError
from jobhopper_core.model import times
from jobhopper_core.model.limits import DEPTH_MAX

T = TypeVar("T")
Reader = Callable[[bytes], T]

_PATH = re.compile(r" - at `(key in )?\$(?P<path>[^`]*)`$")
_BYTE = re.compile(r"\(byte (\d+)\)")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_NAMED = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_MISSING = "Object missing required field"
_UNKNOWN = "Object contains unknown field"


def body_reader(type_: type[T]) -> Reader[T]:
    """A function that reads a body of `type_`; it raises InvalidFieldError."""
    decoder = msgspec.json.Decoder(type_)

    def read(data: bytes) -> T:
        return _guarded(decoder, data, type_)

    return read


def _guarded(decoder: msgspec.json.Decoder[T], data: bytes, type_: Any) -> T:  # noqa: ANN401
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), type_) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidFieldError("", f"The body is not JSON: {_plain(error, data)}.") from None
    except RecursionError:
        raise InvalidFieldError(
            "", f"The body is nested deeper than {DEPTH_MAX} levels; flatten it."
        ) from None


def require_utf8(data: bytes) -> None:
    """Raises InvalidFieldError unless `data` is UTF-8; the decoder alone skips over values."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise InvalidFieldError(
            "", f"The body is not UTF-8: byte {error.start} is out of place."
        ) from None


def query(query_string: bytes, type_: type[T]) -> T:
    """The parameters of a query string as `type_`; raises InvalidFieldError."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64
        )
    except ValueError:
        raise InvalidFieldError("query", "The query string can't be read; encode it.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        twice = next(name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1)
        raise InvalidFieldError(twice, "is given more than once; give it once.")
    try:
        found = msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        wrong = _invalid(str(error), type_)
        raise InvalidFieldError(wrong.field.removeprefix("/"), wrong.message) from None
    for name, value in values.items():
        # The text `null` is taken for None where None means that nothing was sent.
        if getattr(found, name) is None:
            raise InvalidFieldError(name, f"can't be {value!r}; leave it out.")
    return found


def time(value: str, field: str) -> int:
    """An RFC 3339 time in µs since 1970; raises InvalidFieldError."""
    us = times.parse(value)
    if us is None:
        raise InvalidFieldError(
            field,
            "is not a time between 1970 and 2100 in RFC 3339 with a zone, "
            "such as 2026-11-24T06:00:00Z.",
        )
    return us


def _invalid(text: str, type_: Any) -> InvalidFieldError:  # noqa: ANN401
    match = _PATH.search(text)
    steps = [name or index for name, index in _STEP.findall(match["path"])] if match else []
    reason = _PATH.sub("", text)
    named = _NAMED.match(reason)
    if named is None:
        return InvalidFieldError(_pointer(steps), _readable(reason, type_, steps))
    field = _pointer([*steps, named["name"]])
    if reason.startswith(_MISSING):
        return InvalidFieldError(field, "is required and missing.")
    known = ", ".join(one.encode_name for one in _fields_at(type_, tuple(steps)))
    return InvalidFieldError(field, f"is not known here; known are: {known}.")


def _readable(reason: str, type_: Any, steps: list[str]) -> str:  # noqa: ANN401
    for pattern, meaning in fields.MEANINGS.items():
        if reason.endswith(f"matching regex {pattern!r}"):
            return meaning
    if reason.startswith("Invalid enum value") and steps:
        info = _at(msgspec.inspect.type_info(type_), tuple(steps))
        values = ", ".join(str(v) for v in _values(info))
        return f"{reason}; known are: {values}."
    return f"{reason}."


def _values(info: Any) -> list[object]:  # noqa: ANN401
    if isinstance(info, msgspec.inspect.LiteralType):
        return list(info.values)
    if isinstance(info, msgspec.inspect.EnumType):
        return [one.value for one in info.cls]
    inner = getattr(info, "types", ()) or [getattr(info, "key_type", None)]
    return [value for one in inner if one is not None for value in _values(one)]


def _pointer(steps: Sequence[str]) -> str:
    # RFC 6901: `~` and `/` inside a name are escaped.
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


@lru_cache(maxsize=256)
def _fields_at(type_: Any, steps: tuple[str, ...]) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(getattr(_bare(_at(msgspec.inspect.type_info(type_), steps)), "fields", ()))


def _at(info: Any, steps: tuple[str, ...]) -> Any:  # noqa: ANN401
    for step in steps:
        info = _inside(_bare(info), step)
    return info


def _inside(info: Any, step: str) -> Any:  # noqa: ANN401
    if isinstance(info, msgspec.inspect.StructType):
        return next((one.type for one in info.fields if one.encode_name == step), info)
    return getattr(info, "item_type", getattr(info, "value_type", info))


def _bare(info: Any) -> Any:  # noqa: ANN401
    if isinstance(info, msgspec.inspect.Metadata):
        return _bare(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return next((t for t in info.types if hasattr(_bare(t), "fields")), info)
    return info


def _plain(error: Exception, data: bytes) -> str:
    if json_text.has_lone_surrogate(data):
        return "it holds half of a surrogate pair (\\ud800 to \\udfff); send whole characters"
    text = str(error).removeprefix("JSON is malformed: ")
    byte = _BYTE.search(text)
    if byte is not None and data[int(byte[1]) :].lstrip(b"-")[:1] in {b"N", b"I"}:
        text += "; NaN and Infinity are not JSON, send null or a string"
    return text[:1].lower() + text[1:]
