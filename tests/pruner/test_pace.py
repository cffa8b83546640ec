"""The pace of the pruner: by what a chunk took, how large the next one is and when it begins."""

import pytest

from jobhopper_pruner.pace import Pace


def test_a_chunk_grows_and_shrinks_towards_a_tenth_of_a_second() -> None:
    pace = Pace()
    for _ in range(20):
        pace.note(pace.size, 0, pace.size / 30_000)
    assert pace.size == pytest.approx(3_000, rel=0.01)
    for _ in range(20):
        pace.note(pace.size, 0, pace.size / 2_000)
    assert pace.size == pytest.approx(200, rel=0.02)


@pytest.mark.parametrize(("per_second", "size"), [(10, 100), (10_000_000, 5_000)])
def test_a_chunk_has_at_least_100_rows_and_at_most_5000(per_second: int, size: int) -> None:
    pace = Pace()
    for _ in range(20):
        pace.note(pace.size, 0, pace.size / per_second)
    assert pace.size == size


def test_a_slow_database_gets_a_share_of_each_chunks_time() -> None:
    assert Pace().note(1_000, 1_000, 0.1) == pytest.approx(0.008)


def test_a_fast_database_changes_no_more_than_75000_jobs_a_second() -> None:
    took = 5_000 / 140_000
    assert 5_000 / (took + Pace().note(5_000, 5_000, took)) == pytest.approx(75_000)


def test_rows_that_are_only_looked_at_are_not_held_up() -> None:
    assert Pace().note(5_000, 100, 0.01) == pytest.approx(0.01 * 0.08)


def test_a_chunk_that_took_no_time_is_no_error() -> None:
    assert Pace().note(5_000, 5_000, 0.0) == pytest.approx(5_000 / 75_000)
