"""Ids: their bits as RFC 9562 and `model/ids.py` lay them out, and what rests on their order."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobhopper_core.model import ids

NOW_MS = 1_790_000_000_123
NOW = NOW_MS * 1000 + 456
DAY_MS = 86_400_000
# 48 bits of milliseconds, less what a series may carry into them.
MS = st.integers(0, (1 << 48) - 1_000)


class Bits(NamedTuple):
    """The fields of an id, cut out by position, from the highest bit to the lowest."""

    ms: int
    version: int
    sequence: int
    variant: int
    random: int
    shard: int


def bits(id_: str) -> Bits:
    n = uuid.UUID(id_).int
    return Bits(
        ms=n >> 80,
        version=n >> 76 & 0xF,
        sequence=n >> 64 & 0xFFF,
        variant=n >> 62 & 0b11,
        random=n >> 8 & (1 << 54) - 1,
        shard=n & 0xFF,
    )


def an_id(ms: int, sequence: int = 0, tail: int = 0) -> str:
    return str(uuid.UUID(int=ms << 80 | 7 << 76 | sequence << 64 | 0b10 << 62 | tail))


AN_ID = st.builds(an_id, MS, st.integers(0, 0xFFF), st.integers(0, (1 << 62) - 1))


def test_an_id_has_the_layout_of_rfc_9562_with_the_time_first() -> None:
    (id_,) = ids.IdMaker().make(1, NOW)
    found = bits(id_)
    assert (found.ms, found.version, found.sequence, found.variant) == (NOW_MS, 7, 0, 0b10)
    assert uuid.UUID(id_).version == 7
    assert uuid.UUID(id_).variant == uuid.RFC_4122


def test_the_example_of_rfc_9562_appendix_a_6_is_read_as_it_says() -> None:
    id_ = ids.parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    assert id_ == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert ids.unix_ms(id_) == 1_645_557_742_000


def test_the_ids_of_a_request_share_random_part_and_shard_and_count_up() -> None:
    made = [bits(id_) for id_ in ids.IdMaker().make(1000, NOW)]
    assert [found.sequence for found in made] == list(range(1000))
    assert {(b.ms, b.version, b.variant) for b in made} == {(NOW_MS, 7, 0b10)}
    assert len({(b.random, b.shard) for b in made}) == 1


def test_the_sequence_carries_into_the_milliseconds_after_4096() -> None:
    made = [bits(id_) for id_ in ids.IdMaker().make(2 * 4096 + 2, NOW)]
    where = {n: (made[n].ms - NOW_MS, made[n].sequence) for n in (0, 4095, 4096, 8191, 8192, 8193)}
    assert where == {
        0: (0, 0),
        4095: (0, 4095),
        4096: (1, 0),
        8191: (1, 4095),
        8192: (2, 0),
        8193: (2, 1),
    }
    assert {(b.version, b.variant) for b in made} == {(7, 0b10)}


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(-2_000_000, 2_000_000)), max_size=8))
def test_ids_of_one_maker_rise_whatever_its_clock_does(requests: list[tuple[int, int]]) -> None:
    maker = ids.IdMaker()
    made = [id_ for count, drift in requests for id_ in maker.make(count, NOW + drift)]
    assert all(a < b for a, b in pairwise(made))


def test_a_clock_that_goes_back_is_overtaken_not_followed() -> None:
    maker = ids.IdMaker()
    (before,) = maker.make(1, NOW)
    (during,) = maker.make(1, NOW - 3_600_000_000)
    (after,) = maker.make(1, NOW + 1_000)
    assert [bits(id_)[:3] for id_ in (before, during, after)] == [
        (NOW_MS, 7, 0),
        (NOW_MS, 7, 1),
        (NOW_MS + 1, 7, 0),
    ]


def test_threads_that_share_a_maker_never_get_the_same_place() -> None:
    maker = ids.IdMaker()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: maker.make(50, NOW), range(200)))
    assert len({bits(id_)[:3] for request in made for id_ in request}) == 200 * 50


def test_shards_are_chosen_by_chance_and_every_one_is_reached() -> None:
    maker = ids.IdMaker()
    chosen = {ids.shard(maker.make(1, NOW)[0], 4) for _ in range(400)}
    assert chosen == {0, 1, 2, 3}


@given(AN_ID, st.integers(1, 256))
def test_the_shard_is_the_last_byte_modulo_the_number_of_shards(id_: str, shards: int) -> None:
    assert ids.shard(id_, shards) == uuid.UUID(id_).bytes[-1] % shards


@given(AN_ID, AN_ID)
def test_text_and_bytes_sort_alike_and_convert_both_ways(one: str, other: str) -> None:
    assert ids.raw(one) == uuid.UUID(one).bytes
    assert ids.text(ids.raw(one)) == one
    assert (one < other) == (ids.raw(one) < ids.raw(other))


@given(st.integers(1, 9000))
def test_a_series_from_the_first_id_is_the_whole_request(count: int) -> None:
    made = list(ids.IdMaker().make(count, NOW))
    assert ids.series(made[0], count) == made


@given(AN_ID, st.integers(1, 5000))
def test_a_series_counts_up_from_any_id_and_keeps_its_tail(first: str, count: int) -> None:
    begin, made = bits(first), [bits(id_) for id_ in ids.series(first, count)]
    place = begin.ms * 4096 + begin.sequence
    assert [b.ms * 4096 + b.sequence for b in made] == list(range(place, place + count))
    assert {b[3:] for b in made} == {begin[3:]}
    assert ids.series(first, count)[0] == first


@given(AN_ID)
def test_an_id_in_any_letter_case_is_taken_for_its_lower_case_text(id_: str) -> None:
    assert ids.parse(id_.upper()) == id_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00000000-0000-0000-0000-000000000000",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",  # version 4
        "017f22e2-79b0-7cc3-78c4-dc0c0c07398f",  # another variant
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        " 017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "０17f22e2-79b0-7cc3-98c4-dc0c0c07398f",  # noqa: RUF001 - a wide digit, on purpose
    ],
)
def test_what_is_not_a_uuid_of_version_7_is_no_id(text: str) -> None:
    assert ids.parse(text) is None


@given(AN_ID)
def test_the_floor_of_a_millisecond_parts_its_ids_from_those_before(id_: str) -> None:
    ms = ids.unix_ms(id_)
    assert ids.floor(ms) <= id_ < ids.floor(ms + 1)


def test_the_floor_of_a_time_before_1970_is_that_of_1970() -> None:
    assert ids.floor(-5) == ids.floor(0) == "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("age_ms", "fresh"),
    [
        (-10_001, False),
        (-10_000, True),
        (0, True),
        (DAY_MS - 1, True),
        (DAY_MS, False),
    ],
)
def test_a_key_names_the_first_id_from_10_seconds_ahead_until_a_day_old(
    age_ms: int, fresh: bool
) -> None:
    key = an_id(NOW_MS - age_ms, sequence=5, tail=77)
    assert ids.first_id_of_key(key.upper(), NOW) == (key if fresh else None)


def test_a_key_that_is_no_uuid_of_version_7_names_no_id() -> None:
    assert ids.first_id_of_key("order-4711", NOW) is None
    assert ids.first_id_of_key(str(uuid.uuid4()), NOW) is None
