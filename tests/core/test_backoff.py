"""Backoff: `min(max, base * factor^(failures - 1))`, moved by up to `jitter` of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobhopper_core.model.queue import Backoff, QueueSettings

SECOND = 1_000_000
FAILURES = st.integers(1, 100)
# What the API lets an operator set.
BACKOFF = st.builds(
    Backoff,
    base=st.floats(0, 86_400),
    factor=st.floats(1, 100),
    max=st.floats(0, 2_592_000),
    jitter=st.floats(0, 1),
)
CHANCE = st.floats(0, 1, exclude_max=True)


def middle() -> float:
    return 0.5


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5), (2, 10), (3, 20), (4, 40), (10, 2560), (11, 3600), (99, 3600)]
)
def test_the_default_doubles_from_five_seconds_up_to_an_hour(failures: int, seconds: int) -> None:
    assert QueueSettings().backoff.wait(failures, middle) == seconds * SECOND


@pytest.mark.parametrize(
    ("chance", "seconds"), [(0.0, 4.5), (0.25, 4.75), (0.5, 5.0), (0.75, 5.25)]
)
def test_chance_moves_a_wait_by_up_to_the_jitter_either_way(chance: float, seconds: float) -> None:
    assert Backoff().wait(1, lambda: chance) == pytest.approx(seconds * SECOND, abs=1)


@given(BACKOFF, FAILURES, CHANCE)
def test_a_wait_is_whole_microseconds_within_the_jitter_of_the_formula(
    backoff: Backoff, failures: int, chance: float
) -> None:
    wait = backoff.wait(failures, lambda: chance)
    plain = min(backoff.max, backoff.base * backoff.factor ** (failures - 1)) * SECOND
    slack = plain * 1e-9 + 1
    assert isinstance(wait, int)
    assert plain * (1 - backoff.jitter) - slack <= wait <= plain * (1 + backoff.jitter) + slack
    assert wait >= 0


@given(BACKOFF, FAILURES)
def test_a_later_failure_never_waits_less(backoff: Backoff, failures: int) -> None:
    assert backoff.wait(failures, middle) <= backoff.wait(failures + 1, middle)


@given(st.floats(1.0, 1e9), st.floats(1e4, 1e300), st.floats(1, 1e6))
def test_a_power_beyond_all_floats_waits_the_most(base: float, factor: float, most: float) -> None:
    assert Backoff(base, factor, most, 0.0).wait(100, middle) == int(most * SECOND)


@given(CHANCE)
def test_no_jitter_leaves_nothing_to_chance(chance: float) -> None:
    assert Backoff(jitter=0.0).wait(3, lambda: chance) == 20 * SECOND
