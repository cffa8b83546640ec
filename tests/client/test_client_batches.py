"""Long lists travel in requests that the server takes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from jobhopper.batches import BODY_MAX, ENTRIES_MAX, bodies


@given(st.lists(st.integers(1, 700_000), max_size=30))
def test_no_entry_is_lost_and_no_body_too_long(sizes: list[int]) -> None:
    entries = [b'"' + b"x" * size + b'"' for size in sizes]
    made = list(bodies("jobs", entries))
    read = [entry for _, body in made for entry in json.loads(body)["jobs"]]
    assert [len(entry) for entry in read] == sizes
    assert all(len(body) <= BODY_MAX for _, body in made)
    assert [count for count, _ in made] == [len(json.loads(body)["jobs"]) for _, body in made]


def test_a_thousand_entries_a_body() -> None:
    counts = [count for count, _ in bodies("jobs", [b"1"] * 2_500)]
    assert counts == [ENTRIES_MAX, ENTRIES_MAX, 500]


def test_a_body_may_be_full_to_the_byte() -> None:
    frame = len(b'{"jobs":[]}')
    half = (BODY_MAX - frame - 1) // 2
    first, rest = b"1" * half, b"1" * (BODY_MAX - frame - 1 - half)
    assert [len(body) for _, body in bodies("jobs", [first, rest])] == [BODY_MAX]
    assert len(list(bodies("jobs", [first, rest + b"1"]))) == 2


def test_an_entry_too_long_goes_alone() -> None:
    huge = b"1" * (BODY_MAX + 1)
    assert [count for count, _ in bodies("jobs", [b"1", huge, b"2"])] == [1, 1, 1]


def test_nothing_makes_no_request() -> None:
    assert list(bodies("updates", [])) == []
