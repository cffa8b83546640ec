"""The key of a create becomes the id of its first job, so its layout is a promise."""

import time
import uuid

from jobhopper.idempotency_key import new_idempotency_key


def _bits(key: str, high: int, width: int) -> int:
    """The field of `width` bits that begins `high` bits from the left."""
    return (uuid.UUID(key).int >> (128 - high - width)) & ((1 << width) - 1)


def test_layout() -> None:
    key = new_idempotency_key(0x0123456789AB)
    assert _bits(key, 0, 48) == 0x0123456789AB
    assert _bits(key, 48, 4) == 7
    assert _bits(key, 52, 12) == 0
    assert _bits(key, 64, 2) == 0b10


def test_text_is_a_lower_case_uuid() -> None:
    key = new_idempotency_key()
    assert key == str(uuid.UUID(key)) == key.lower()


def test_time_is_now() -> None:
    before = time.time_ns() // 1_000_000
    made = _bits(new_idempotency_key(), 0, 48)
    assert before <= made <= time.time_ns() // 1_000_000


def test_random_part_and_shard_byte_use_all_their_bits() -> None:
    ever_set = ever_clear = 0
    for _ in range(200):
        tail = _bits(new_idempotency_key(0), 66, 62)
        ever_set |= tail
        ever_clear |= ~tail
    assert ever_set == (1 << 62) - 1
    assert ever_clear & ((1 << 62) - 1) == (1 << 62) - 1


def test_no_two_alike() -> None:
    assert len({new_idempotency_key(0) for _ in range(1_000)}) == 1_000
