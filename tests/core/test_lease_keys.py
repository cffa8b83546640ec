"""Signing keys in JOBHOPPER_LEASE_KEYS: parsed in order; errors never repeat a secret."""

import base64
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.leases import keys

A, B = bytes(range(32)), bytes(range(100, 140))


def encoded(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def test_keys_are_read_in_the_order_they_stand() -> None:
    assert list(keys.parse(f"new:{encoded(B)}, old:{encoded(A)}").items()) == [
        ("new", B),
        ("old", A),
    ]


def test_a_key_that_is_made_can_be_read() -> None:
    made = [keys.parse(keys.make()) for _ in range(20)]
    assert all(len(secret) == 32 for one in made for secret in one.values())
    assert len({secret for one in made for secret in one.values()}) == 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "kid:base64"),
        (",", "kid:base64"),
        (encoded(A), "kid:base64"),
        (f":{encoded(A)}", "kid:base64"),
        (f"a kid:{encoded(A)}", "kid:base64"),
        (f"kid.1:{encoded(A)}", "kid:base64"),
        (f"{'k' * 17}:{encoded(A)}", "kid:base64"),
        (f"k1:{encoded(A)},", "kid:base64"),
        (f"k1:{encoded(A)},k1:{encoded(B)}", "twice"),
        ("k1:", "shorter"),
        (f"k1:{encoded(A[:31])}", "shorter"),
        (f"k1:{encoded(A)[:-2]}", "not base64"),
        (f"k1:{encoded(A)}!", "not base64"),
        (f"k1:{encoded(A)}é", "not base64"),
        (f"k1:{encoded(A)} {encoded(B)}", "not base64"),
        (f"{encoded(A)}:k1", "kid:base64"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_the_reason(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBHOPPER_LEASE_KEYS") as raised:
        keys.parse(text)
    assert says in str(raised.value)


@given(st.text(max_size=8), st.binary(min_size=12, max_size=40), st.text(max_size=8))
def test_an_error_and_its_traceback_never_contain_the_secret(
    before: str, secret: bytes, after: str
) -> None:
    try:
        keys.parse(f"{before}{encoded(secret)}{after}")
    except ConfigurationError as error:
        shown = "".join(traceback.format_exception(error))
        assert encoded(secret).rstrip("=")[:12] not in shown
