"""The schedule comes from the seed alone and keeps to its rules."""

from itertools import pairwise

import pytest

from chaos.fault import NETWORK_FAULTS, PROCESS_FAULTS, STORE_FAULTS
from chaos.schedule import schedule

_SEEDS = range(200)


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert schedule(7, 600) == schedule(7, 600)
    assert schedule(7, 600) != schedule(8, 600)


def test_six_minutes_have_every_kind_of_fault() -> None:
    for seed in _SEEDS:
        kinds = {fault.kind for fault in schedule(seed, 360)}
        assert kinds == {*STORE_FAULTS, *NETWORK_FAULTS, *PROCESS_FAULTS}


def test_three_minutes_have_every_kind_but_those_of_the_network() -> None:
    for seed in _SEEDS:
        kinds = {fault.kind for fault in schedule(seed, 180)}
        assert kinds == {*STORE_FAULTS, *PROCESS_FAULTS}


@pytest.mark.parametrize("seconds", [60, 180, 600])
def test_faults_of_stores_stand_apart(seconds: int) -> None:
    for seed in _SEEDS:
        of_stores = [fault for fault in schedule(seed, seconds) if fault.on_store]
        for one, next_one in pairwise(of_stores):
            assert one.at + one.seconds + 5 < next_one.at


def test_the_run_begins_and_ends_in_calm() -> None:
    for seed in _SEEDS:
        faults = schedule(seed, 180)
        assert all(fault.at >= 5 and fault.at + fault.seconds < 180 for fault in faults)
        assert faults == sorted(faults, key=lambda fault: fault.at)


def test_a_short_run_has_few_faults_or_none() -> None:
    assert schedule(1, 10) == []
    assert 1 <= len(schedule(1, 40)) <= 4
