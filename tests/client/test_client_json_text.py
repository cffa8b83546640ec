"""What the API can't take is refused before it is sent; what it gives is always read."""

from decimal import Decimal

import pytest

from jobhopper import InvalidArgument
from jobhopper.json_text import decode, encode


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "half \ud800", {1, 2}, object(), b"bytes", 10**5_000],
    ids=["nan", "infinity", "surrogate", "set", "object", "bytes", "long number"],
)
def test_refused(value: object) -> None:
    with pytest.raises(InvalidArgument, match="JSON"):
        encode({"value": value})


def test_nested_too_deep() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidArgument):
        encode(value)


def test_compact_utf8() -> None:
    assert encode({"a": ["ä", 1.5, None, True]}) == '{"a":["ä",1.5,null,true]}'.encode()


def test_a_number_of_any_length_is_read() -> None:
    assert decode(b"1" * 10_000) == Decimal("1" * 10_000)
    assert decode(b"12") == 12
