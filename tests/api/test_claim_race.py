"""Many claim at the same time, and each job is handed out once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from .caller import Api
from .conftest import Start
from .steps import claim, create_many, depth


def work_off(api: Api, queue: str, barrier: threading.Barrier, most: int) -> list[str]:
    """Claims until there is nothing left; the ids in the order in which they came."""
    got: list[str] = []
    barrier.wait()
    while jobs := claim(api, queue, max=most):
        got += [job["id"] for job in jobs]
        assert all(job["attempt"] == 1 for job in jobs)
    return got


def race(api: Api, queue: str, ids: list[str], claimers: int, most: int) -> None:
    barrier = threading.Barrier(claimers)
    with ThreadPoolExecutor(claimers) as pool:
        runs = [pool.submit(work_off, api, queue, barrier, most) for _ in range(claimers)]
        got = [run.result() for run in runs]
    assert sorted(id_ for part in got for id_ in part) == ids
    assert all(part == sorted(part) for part in got)
    assert depth(api, queue) == {"running": len(ids)}


def test_claimers_that_race_get_each_job_once(api: Api, queue: str) -> None:
    ids = [id_ for _ in range(2) for id_ in create_many(api, queue, 1_000)]
    race(api, queue, ids, claimers=40, most=7)


def test_two_hundred_claimers_share_twenty_thousand_jobs(start: Start) -> None:
    api = start().api()
    ids = [id_ for _ in range(20) for id_ in create_many(api, "q", 1_000)]
    race(api, "q", ids, claimers=200, most=20)


def test_claimers_over_several_queues_get_each_job_once(api: Api, queue: str) -> None:
    names = [f"{queue}.{i}" for i in range(4)]
    ids = sorted(id_ for name in names for id_ in create_many(api, name, 200))

    def run(number: int) -> list[str]:
        order = names[number % 4 :] + names[: number % 4]
        got: list[str] = []
        while jobs := claim(api, *order, max=9):
            got += [job["id"] for job in jobs]
        return got

    with ThreadPoolExecutor(24) as pool:
        got = sorted(id_ for part in pool.map(run, range(24)) for id_ in part)
    assert got == ids


@pytest.mark.slow
def test_single_jobs_are_handed_out_once_to_two_hundred_claimers(start: Start) -> None:
    api = start().api()
    ids = [id_ for _ in range(20) for id_ in create_many(api, "q", 1_000)]
    race(api, "q", ids, claimers=200, most=1)
