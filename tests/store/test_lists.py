"""Lists: newest first, narrowed by filters, a page at a time, each job exactly once."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from threading import Event, Thread

import pytest

from jobhopper_core.model import ids
from jobhopper_core.model.job import Job
from jobhopper_core.model.states import STATUSES, Move, Status
from jobhopper_core.model.writes import Fail, Succeed
from jobhopper_core.store.list_jobs import Filters, Page, list_jobs

from .steps import SECOND, START, Store

DAY_MS = 86_400_000
EVERYTHING = Filters(silenced=None)


def page(store: Store, filters: Filters, limit: int, before: str | None = None) -> Page:
    return store.read(lambda tx: list_jobs(tx, filters, before, limit))


def pages(
    store: Store, filters: Filters, limit: int, between: Callable[[], object] = lambda: None
) -> Iterator[Page]:
    """Every page, with `between` done after each."""
    at = None
    for _ in range(10_000):
        found = page(store, filters, limit, at)
        yield found
        at = found.next
        if at is None:
            return
        between()
    pytest.fail("the list has no end")


def listed(store: Store, filters: Filters, limit: int = 500) -> list[str]:
    return [job.id for one in pages(store, filters, limit) for job in one.jobs]


def finish(store: Store, id_: str, chance: random.Random) -> None:
    """Brings a queued job of the population to another status, or leaves it."""
    queue = store.job(id_).queue
    status = chance.choice(STATUSES)
    if status in {Status.RUNNING, Status.SUCCEEDED, Status.FAILED}:
        (claimed,) = store.claim(queue=queue)
        if status is Status.SUCCEEDED:
            store.send(Succeed, claimed, result='"r"')
        elif status is Status.FAILED:
            store.send(
                Fail, claimed, error=f'"{chance.choice(["boom", "Bang 100%"])}"', retry=False
            )
    elif status is Status.CANCELLED:
        store.operate(id_, move=Move.CANCEL)
    elif status is Status.SCHEDULED:
        store.operate(id_, run_at=store.clock() + 3600 * SECOND)
    if status is not Status.RUNNING and chance.random() < 0.3:
        store.operate(id_, silenced=True)


def population(store: Store, size: int) -> list[Job]:
    """Jobs of all kinds, newest first, as `list_jobs` gives them."""
    chance = random.Random(11)
    made = []
    for _ in range(size):
        store.clock.advance(chance.random() * 10)
        id_ = store.create(
            chance.choice(["mail", "sms"]), type=chance.choice(["a", "b"]), payload='"p"'
        )
        finish(store, id_, chance)
        made.append(id_)
    return [store.job(id_)._replace(payload=None, result=None) for id_ in sorted(made)[::-1]]


def test_jobs_are_listed_newest_first_without_payload_and_result(store: Store) -> None:
    jobs = population(store, 30)
    assert page(store, EVERYTHING, 500) == Page(jobs, None)


def some_filters(jobs: list[Job]) -> Iterator[Filters]:
    """Combinations by chance, and each filter alone."""
    times = [job.created_at for job in jobs]
    values = {
        "queue": ["mail", "sms", "none"],
        "status": [status.value for status in STATUSES],
        "type": ["a", "b", "A"],
        "created_after": times[::7],
        "created_before": times[::7],
        "silenced": [False, True, None],
        "error_contains": ["boom", "Bang", "bang", "%", "0%", "_"],
    }
    for name, choices in values.items():
        yield from (Filters(**{name: value}) for value in choices)
    chance = random.Random(13)
    for _ in range(120):
        names = chance.sample(sorted(values), chance.randint(2, 4))
        yield Filters(**{name: chance.choice(values[name]) for name in names})


def fits(job: Job, filters: Filters) -> bool:
    after, before = filters.created_after, filters.created_before
    return (
        filters.queue in {None, job.queue}
        and filters.status in {None, job.status.value}
        and filters.type in {None, job.type}
        and (after is None or job.created_at > after)
        and (before is None or job.created_at < before)
        and filters.silenced in {None, job.silenced}
        and (filters.error_contains is None or filters.error_contains in (job.error or ""))
    )


def test_every_filter_and_combination_lists_exactly_the_jobs_that_fit(store: Store) -> None:
    jobs = population(store, 80)
    for n, filters in enumerate(some_filters(jobs)):
        expected = [job.id for job in jobs if fits(job, filters)]
        assert listed(store, filters, limit=(1, 3, 7, 500)[n % 4]) == expected, filters


def test_silenced_jobs_are_left_out_unless_asked_for(store: Store) -> None:
    open_, hidden = store.create(), store.create()
    store.operate(hidden, silenced=True)
    assert listed(store, Filters()) == [open_]
    assert listed(store, Filters(silenced=True)) == [hidden]
    assert listed(store, Filters(silenced=None)) == [hidden, open_]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("filters", [Filters(), Filters(queue="mail"), Filters(status="queued")])
def test_pages_hold_up_to_the_limit_and_end(store: Store, filters: Filters, limit: int) -> None:
    made = [store.create() for _ in range(6)]
    found = list(pages(store, filters, limit))
    assert [len(one.jobs) for one in found[:-1]] == [limit] * (len(found) - 1)
    assert len(found) <= 6 // limit + 1
    assert [job.id for one in found for job in one.jobs] == made[::-1]


def test_no_jobs_are_one_empty_page(store: Store) -> None:
    assert page(store, Filters(), 10) == Page([], None)
    assert page(store, Filters(queue="none"), 10) == Page([], None)


@pytest.mark.parametrize("filters", [Filters(), Filters(queue="mail")])
def test_jobs_that_come_in_between_two_pages_shift_and_repeat_none(
    store: Store, filters: Filters
) -> None:
    made = [store.create() for _ in range(20)]

    def between() -> None:
        store.create()
        store.create("sms")

    found = [job.id for one in pages(store, filters, 3, between) for job in one.jobs]
    assert found == made[::-1]


@pytest.mark.parametrize("queue", [None, "mail"])
def test_paging_lists_each_job_once_while_others_come_in(store: Store, queue: str | None) -> None:
    made = [store.create() for _ in range(150)]
    stop = Event()

    def keep_creating() -> None:
        while not stop.is_set():
            store.create()

    thread = Thread(target=keep_creating)
    thread.start()
    try:
        # Some of the newer ones may be on the first page.
        found = listed(store, Filters(queue=queue), limit=5)
    finally:
        stop.set()
        thread.join()
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)
    assert [id_ for id_ in found if id_ in set(made)] == made[::-1]


def test_jobs_that_end_between_two_pages_are_listed_once_all_the_same(store: Store) -> None:
    made = [store.create() for _ in range(20)]

    def between() -> None:
        store.send(Succeed, store.claim()[0])

    found = [job.id for one in pages(store, Filters(queue="mail"), 3, between) for job in one.jobs]
    assert found == made[::-1]


def with_id_of(ms: int) -> str:
    return ids.IdMaker().make(1, ms * 1000)[0]


@pytest.mark.parametrize("age_ms", [DAY_MS - 1, 3_600_000, -10_000])
def test_a_job_whose_id_is_older_or_newer_than_itself_is_found_by_its_creation(
    store: Store, age_ms: int
) -> None:
    """As with an Idempotency-Key that became the id."""
    id_ = store.create(id=with_id_of(START // 1000 - age_ms))
    around = Filters(created_after=START - 1, created_before=START + 1)
    assert listed(store, around) == [id_]
    assert listed(store, around._replace(queue="mail")) == [id_]
    assert listed(store, Filters(created_after=START)) == []
    assert listed(store, Filters(created_before=START)) == []


def slow(step: float) -> Callable[[], float]:
    """A clock by which every look at it takes `step` seconds."""
    ticks = count()
    return lambda: next(ticks) * step


@pytest.mark.parametrize("queue", [None, "mail"])
def test_when_time_runs_out_a_page_is_partial_and_goes_on_where_it_stopped(
    store: Store, queue: str | None
) -> None:
    made = [store.create(type="rare" if n % 40 == 0 else "usual") for n in range(120)]
    filters = Filters(queue=queue, type="rare")
    found: list[str] = []
    at, partial = None, 0
    for _ in range(200):
        part = store.read(lambda tx, at=at: list_jobs(tx, filters, at, 10, slow(2.0)))
        found += [job.id for job in part.jobs]
        if part.next is None:
            break
        assert at is None or part.next < at
        at = part.next
        partial += len(part.jobs) < 10
    assert found == made[0::40][::-1]
    assert partial > 2


def test_within_its_time_a_list_walks_on_until_the_page_is_full(store: Store) -> None:
    rare = [store.create(type="rare") for _ in range(2)]
    store.apply(*(store.new(id=id_) for id_ in store.ids(3000)))
    # On a busy machine three thousand jobs may take longer than a list may.
    found = store.read(lambda tx: list_jobs(tx, Filters(type="rare"), None, 2, slow(0.0)))
    assert found == Page([], None)._replace(
        jobs=[store.job(id_)._replace(payload=None) for id_ in rare[::-1]]
    )
