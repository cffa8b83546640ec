"""Lease tokens: only the holder of a signing key makes one, and only unchanged does it count."""

import base64
import string
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobhopper_core.errors import LeaseInvalidError
from jobhopper_core.leases.token import Lease, LeaseSigner

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
JOB = "01a0d1f2-3c00-7001-8abc-0123456789ab"
OTHER = "01a0d1f2-3c00-7002-8abc-0123456789ab"
LEASE = Lease(JOB, "00112233445566778899aabbccddeeff", 3, 1_790_000_000_000_000, "mail.fast")
SIGNER = LeaseSigner({"k1": OLD})
TOKEN = SIGNER.sign(LEASE)
ALPHABET = string.ascii_letters + string.digits + "-_"


def refuses(signer: LeaseSigner, token: str, job_id: str = JOB) -> bool:
    with pytest.raises(LeaseInvalidError) as raised:
        signer.read(token, job_id)
    assert raised.value.code == "lease_invalid"
    assert raised.value.field == "/lease"
    return True


def test_a_token_says_what_was_signed() -> None:
    assert SIGNER.read(TOKEN, JOB) == LEASE


@given(
    st.uuids(),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**62),
    st.text(st.characters(categories=["L", "N"]), max_size=128),
)
def test_every_lease_survives_signing_and_reading(
    job: object, claim: bytes, attempt: int, expires_at: int, queue: str
) -> None:
    lease = Lease(str(job), claim.hex(), attempt, expires_at, queue)
    assert SIGNER.read(SIGNER.sign(lease), lease.job_id) == lease


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_a_token_with_any_one_character_changed_is_refused(at: int) -> None:
    others = set(ALPHABET + ".+/=! ") - {TOKEN[at]}
    assert all(refuses(SIGNER, TOKEN[:at] + other + TOKEN[at + 1 :]) for other in sorted(others))


@pytest.mark.parametrize("at", range(len(TOKEN) + 1))
def test_a_token_with_any_one_character_added_is_refused(at: int) -> None:
    assert all(refuses(SIGNER, TOKEN[:at] + more + TOKEN[at:]) for more in "A.=! \n")


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_a_token_with_any_one_character_taken_out_is_refused(at: int) -> None:
    assert refuses(SIGNER, TOKEN[:at] + TOKEN[at + 1 :])


@given(st.text(max_size=200))
def test_rubbish_is_refused_and_raises_nothing_else(token: str) -> None:
    assert refuses(SIGNER, token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "...",
        "jl1",
        "jl1.k1..",
        "jl1.k1",
        TOKEN.replace("jl1.", "jl2.", 1),
        TOKEN.replace("jl1.", "JL1.", 1),
        TOKEN + "=",
        TOKEN + ".x",
        TOKEN.rpartition(".")[0],
        TOKEN.rpartition(".")[0] + ".",
        TOKEN.rpartition(".")[0] + ".é",
        TOKEN.rpartition(".")[0] + ".\ud800",
        "jl1.k1.\ud800." + TOKEN.rpartition(".")[2],
    ],
)
def test_a_damaged_token_is_refused(token: str) -> None:
    assert refuses(SIGNER, token)


def test_a_token_of_another_job_is_refused() -> None:
    assert refuses(SIGNER, TOKEN, OTHER)


def test_body_and_signature_of_two_genuine_tokens_cannot_be_crossed() -> None:
    other = SIGNER.sign(LEASE._replace(expires_at=LEASE.expires_at + 1))
    mixed = TOKEN.rpartition(".")[0] + "." + other.rpartition(".")[2]
    assert refuses(SIGNER, mixed)


def test_a_token_signed_with_another_secret_under_the_same_kid_is_refused() -> None:
    assert refuses(LeaseSigner({"k1": NEW}), TOKEN)


def test_after_a_rotation_the_first_key_signs_and_the_old_one_is_still_accepted() -> None:
    rotated = LeaseSigner({"k2": NEW, "k1": OLD})
    assert rotated.read(TOKEN, JOB) == LEASE
    assert rotated.sign(LEASE).split(".")[1] == "k2"
    assert LeaseSigner({"k2": NEW}).read(rotated.sign(LEASE), JOB) == LEASE


def test_a_token_of_a_key_that_was_taken_away_is_refused() -> None:
    assert refuses(LeaseSigner({"k2": NEW}), TOKEN)


def test_the_kid_is_signed_too() -> None:
    # Both kids stand for the same secret: still, a token is genuine under its own alone.
    twice = LeaseSigner({"k1": OLD, "k2": OLD})
    assert refuses(twice, TOKEN.replace(".k1.", ".k2.", 1))


def test_a_token_can_travel_in_json_and_in_a_header_as_it_is() -> None:
    assert set(TOKEN) <= set(ALPHABET + ".")


@given(st.binary(min_size=32, max_size=64), st.binary(min_size=32, max_size=64))
def test_a_signature_depends_on_the_secret(one: bytes, other: bytes) -> None:
    # HMAC fills a short key with zeros, so keys that differ in nothing else are one key.
    assume(one.ljust(64, b"\0") != other.ljust(64, b"\0"))
    assert LeaseSigner({"k": one}).sign(LEASE) != LeaseSigner({"k": other}).sign(LEASE)


def test_the_body_is_laid_out_as_documented() -> None:
    prefix, kid, body, mac = TOKEN.split(".")
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    ends = [0, 16, 32, 36, 44, len(raw)]
    job, claim, attempt, expires_at, queue = (raw[a:b] for a, b in pairwise(ends))
    assert (prefix, kid, len(mac)) == ("jl1", "k1", 43)
    assert job.hex() == JOB.replace("-", "")
    assert claim.hex() == LEASE.claim_id
    assert int.from_bytes(attempt, "big") == LEASE.attempt
    assert int.from_bytes(expires_at, "big") == LEASE.expires_at
    assert queue.decode() == LEASE.queue
