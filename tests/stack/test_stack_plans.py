"""How MySQL and MariaDB find rows in a table of 36 months: by index, in few partitions."""

from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from stack_months import (
    ATTEMPTS,
    COUNTERS,
    by_month,
    counted,
    digest,
    fill,
    months_of,
)
from stack_plans import check_by_key, check_in_order, on, queries, watched
from store.servers import emptied

from jobhopper_core.model import ids
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.states import Status
from jobhopper_core.model.times import SECOND
from jobhopper_core.model.writes import Create, Extend, Fail, Key, Outcome, Release, Succeed, Write
from jobhopper_core.store import counts, due, find, idempotency, list_jobs, look_up, queues, refill
from jobhopper_core.store.apply import apply
from jobhopper_core.store.claim import Pick, claim, claim_known
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.expire import expire
from jobhopper_core.store.list_jobs import Filters
from jobhopper_core.store.operate import Order, erase, operate
from jobhopper_core.store.promote import promote
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.silence import Cutoffs, Undo, chunk_end, silence, unsilence
from jobhopper_core.store.transaction import Transaction

pytestmark = pytest.mark.slow

_DAY = 86_400 * SECOND
_LEASE = 60 * SECOND


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, kind: str) -> Iterator[ServerDatabase]:
    url = emptied(request.getfixturevalue(f"{kind}_url"), 79)
    made = open_mysql(url, slot=0, threads=1)
    fill(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def queued(database: ServerDatabase) -> list[list[str]]:
    """The ids of queued jobs by month; the first of each month are the top picks."""
    return by_month(database, "big", "queued")


@pytest.fixture
def some(queued: list[list[str]]) -> list[str]:
    """Ids of three months, none of them a top pick."""
    return [id_ for month in queued[10:13] for id_ in month[100:120]]


def claimed(database: ServerDatabase, *numbers: int) -> list[ClaimedJob]:
    """Jobs that are claimed now, for so many demands of so many each."""
    demands = [Demand(number, _LEASE, None) for number in numbers]
    handout = database.run(lambda tx: claim(tx, "big", demands))
    return [job for jobs in handout.jobs for job in jobs]


def months(jobs: Sequence[ClaimedJob]) -> int:
    return months_of([job.id for job in jobs])


@pytest.mark.parametrize(
    ("numbers", "update"), [((20, 20), "UPDATE jobs j JOIN"), ((40,), "UPDATE jobs SET")]
)
def test_a_claim_reads_its_jobs_alone_in_whichever_months_they_are(
    database: ServerDatabase, numbers: tuple[int, ...], update: str
) -> None:
    with watched(database) as statements:
        jobs = claimed(database, *numbers)
    assert (len(jobs), months(jobs) > 3) == (40, True)
    check_in_order(on(statements, "SELECT"), "ref", "jobs_ready", 40)
    check_by_key(on(statements, update), 40, months(jobs))


def test_what_others_claimed_first_is_looked_up_in_its_months(database: ServerDatabase) -> None:
    picks: list[Pick] = []
    demands = [Demand(20, _LEASE, None)] * 2
    database.run(lambda tx: claim(tx, "big", demands, tried=picks.extend))
    # The same jobs for the other worker of the two.
    turned = [one.job._replace(claim_id=picks[-i - 1].job.claim_id) for i, one in enumerate(picks)]
    lost = [one._replace(job=job) for one, job in zip(picks, turned, strict=True)]
    with watched(database) as statements:
        assert database.run(lambda tx: claim_known(tx, "big", lost, tx.now())) == set()
    both = on(statements, "UPDATE jobs j JOIN", "SELECT id, claim_id")
    check_by_key(both, 40, months([pick.job for pick in picks]))


def test_the_ends_of_claims_read_and_change_their_rows_alone(database: ServerDatabase) -> None:
    jobs = claimed(database, 10, 10, 10, 10)
    for outcome in (Outcome.APPLIED, Outcome.DUPLICATE):
        with watched(database) as statements:
            verb = lambda tx: apply(tx, endings(jobs), lambda: 0.5, 4).outcomes  # noqa: E731
            assert set(database.run(verb)[:30]) == {outcome}
        check_by_key(statements, 40, months(jobs))
    repeats = on(statements, "SELECT result FROM jobs", "SELECT outcome, error FROM job_attempts")
    check_by_key(repeats, 1, months=1)


def endings(jobs: Sequence[ClaimedJob]) -> list[Write]:
    """Ten jobs each succeed, fail, are released, and go on."""
    of = [(job.id, job.claimed_at, job.claim_id, job.attempt) for job in jobs]
    return [
        *(Succeed(*one, result="1") for one in of[:10]),
        *(Fail(*one, error='"e"') for one in of[10:20]),
        *(Release(*one) for one in of[20:30]),
        *(Extend(*one, until=job.lease_until) for one, job in zip(of[30:], jobs[30:], strict=True)),
    ]


def test_new_jobs_are_written_with_no_look_at_others(database: ServerDatabase) -> None:
    made = ids.IdMaker().make(20, database.run(Transaction.now))
    key = Key("cd" * 32, "ef" * 32, 20)
    creates = [Create(id_, 1, "big", "t", "1", 5, 5, key=key) for id_ in made]
    for outcome in (Outcome.APPLIED, Outcome.DUPLICATE):
        with watched(database) as statements:
            verb = lambda tx: apply(tx, creates, lambda: 0.5, 4).outcomes  # noqa: E731
            assert set(database.run(verb)) == {outcome}
        check_by_key(statements, 20, months=1)
    on(statements, "INSERT INTO jobs", "SELECT id FROM jobs", "INSERT INTO idempotency_keys")


def test_finding_and_changing_read_the_months_of_the_ids(
    database: ServerDatabase, some: list[str]
) -> None:
    with watched(database) as statements:
        database.run(lambda tx: find.find(tx, some))
        database.run(lambda tx: find.peek(tx, some))
        database.run(lambda tx: refill.ready_by_id(tx, some))
    check_by_key(statements, len(some), months_of(some))
    with watched(database) as statements:
        database.run(lambda tx: look_up.look_up(tx, some[0]))
        database.run(lambda tx: look_up.exists(tx, some[0]))
        for order in (Order(priority=4), Order(silenced=True), Order(silenced=False)):
            database.run(partial(operate, job_id=some[0], order=order))
    check_by_key(statements, 1, months=1)


def test_a_full_batch_is_found_by_key(
    database: ServerDatabase,
) -> None:
    batch = [id_ for month in by_month(database, "new", "succeeded") for id_ in month[::30]]
    with watched(database) as statements:
        assert len(database.run(lambda tx: find.find(tx, batch))) == 1_000
    check_by_key(statements, 1_000, months_of(batch))


def test_the_ready_index_gives_the_next_jobs_in_order(database: ServerDatabase) -> None:
    page = database.run(lambda tx: refill.next_ready(tx, "big", 500, None, 1 << 20))
    with watched(database) as statements:
        last = page.jobs[400]
        for after in (True, False):
            at = refill.Position(last.priority, last.run_at, last.id, after)
            verb = partial(refill.next_ready, queue="big", limit=250, at=at, most_bytes=1 << 20)
            database.run(verb)
    check_in_order(statements, "range", "jobs_ready", 250)
    with watched(database) as statements:
        database.run(lambda tx: refill.next_ready(tx, "big", 10, None, 1 << 20))
        database.run(lambda tx: look_up.top(tx, "big", 10))
        database.run(lambda tx: look_up.oldest_ready(tx, "big"))
    check_in_order(statements, "ref", "jobs_ready", 10)


TIMERS = [(shard, status) for shard in range(4) for status in (Status.SCHEDULED, Status.RUNNING)]


def test_timers_read_nothing_that_is_not_due(database: ServerDatabase) -> None:
    past = database.run(Transaction.now) - _DAY
    with watched(database) as statements:
        for shard, status in TIMERS:
            verb = partial(due.due, shard=shard, status=status, until=past, limit=20)
            assert database.run(verb) == []
    check_in_order(statements, "range", "jobs_due", 0)


def test_timers_find_what_is_due_by_its_index_and_change_it_by_key(
    database: ServerDatabase,
) -> None:
    now = database.run(Transaction.now)

    def run(tx: Transaction) -> int:
        tx.note_now(now + _DAY * 3 // 4)
        promoted = sum(promote(tx, shard, 20)[0] for shard in range(4))
        tx.note_now(now + 2 * _DAY)
        expired = [expire(tx, shard, tx.now(), 20, lambda: 0.5)[0] for shard in range(4)]
        return min(promoted, sum(sum(one.values()) for one in expired))

    with watched(database) as statements:
        assert database.run(run) > 0
    timed = on(statements, "SELECT id FROM jobs WHERE shard")
    # With the claims of other tests, which may come before what is asked for.
    check_in_order(timed, "range", "jobs_due", 20 + 250)
    check_by_key([one for one in statements if one not in timed], 20, months=20)


PAGE = 100
# Where a page is not full, the walk goes on over more ids.
STRETCH = 4 * PAGE


def check_list(database: ServerDatabase, filters: Filters, before: str | None, key: str) -> None:
    with watched(database) as statements:
        page = database.run(lambda tx: list_jobs.list_jobs(tx, filters, before, PAGE))
    assert len(page.jobs) == PAGE
    shown = on(statements, "SELECT id, queue")
    check_by_key(shown, STRETCH, months_of([job.id for job in page.jobs]))
    walks = [one for one in queries(statements) if one not in shown]
    check_in_order(walks, "range", key, STRETCH, pages=True)


@pytest.mark.parametrize(
    ("filters", "key"),
    [
        (Filters(queue="big", status="queued"), "jobs_list"),
        (Filters(queue="small1"), "jobs_list"),
        (Filters(), "PRIMARY"),
        (Filters(status="succeeded"), "PRIMARY"),
    ],
)
def test_lists_walk_an_index(
    database: ServerDatabase, queued: list[list[str]], filters: Filters, key: str
) -> None:
    for before in (None, queued[20][0]):
        check_list(database, filters, before, key)


@pytest.mark.parametrize("status", ["succeeded", None])
def test_a_list_of_a_queue_steps_over_no_newer_jobs_of_another(
    database: ServerDatabase, status: str | None
) -> None:
    check_list(database, Filters(queue="big", status=status), None, "jobs_list")


def test_a_list_walks_the_primary_key_to_its_end(
    database: ServerDatabase, queued: list[list[str]]
) -> None:
    check_list(database, Filters(), queued[2][0], "PRIMARY")


def test_silencing_walks_the_primary_key(database: ServerDatabase, queued: list[list[str]]) -> None:
    first = ids.raw(queued[20][0])
    with watched(database) as statements:
        end = database.run(partial(chunk_end, after=first, below=b"\xff" * 16, size=200))
    assert end is not None
    check_in_order(statements, "range", "PRIMARY", 200)
    last = end[0]
    cutoffs = Cutoffs(usual=database.run(Transaction.now), special={"new": None})
    with watched(database) as statements:
        for dry_run in (True, False):
            verb = partial(silence, after=first, last=last, cutoffs=cutoffs, dry_run=dry_run)
            assert database.run(verb).silenced == 200
        heard = partial(unsilence, after=first, last=last, undo=Undo(queue="big"))
        assert database.run(heard)[0] == 200
    for one in queries(statements):
        (step,) = one.steps
        assert (step.access, step.key, step.partitions) == ("range", "PRIMARY", 1), one
        # How many there are of each queue and status is gathered in a table of a few rows.
        assert "GROUP BY" in one.text or "filesort" not in step.extra, one
        assert one.reads <= 3 * (200 + 1), one


def test_the_attempts_of_a_job_are_read_in_its_month(database: ServerDatabase) -> None:
    sql = "SELECT job_id FROM job_attempts WHERE attempt = 2 LIMIT 1"
    id_ = ids.text(database.run(lambda tx: tx.read(sql))[0][0])
    with watched(database) as statements:
        assert len(database.run(lambda tx: look_up.look_up(tx, id_))[1]) == ATTEMPTS
        database.run(lambda tx: erase(tx, id_))
    on(statements, "SELECT attempt", "UPDATE job_attempts")
    check_by_key(statements, ATTEMPTS, months=1)


def test_depths_are_summed_from_the_counters_of_the_queues(database: ServerDatabase) -> None:
    names = [counted(7), counted(300)]
    with watched(database) as statements:
        database.run(lambda tx: counts.depths(tx, names))
    (one,) = queries(statements)
    (step,) = one.steps
    assert (step.access, step.key) == ("range", "PRIMARY"), one
    # The sums, one a queue and status, may be sorted: there are seven at most to a queue.
    assert one.reads <= 3 * (2 * COUNTERS + 1), one


def test_a_commit_finds_its_counters_by_key(database: ServerDatabase) -> None:
    with watched(database) as statements:
        claimed(database, 5)
    (commit,) = on(statements, "COMMIT")
    assert commit.reads <= 4, commit


def test_deleting_a_queue_reads_its_own_counters(database: ServerDatabase) -> None:
    database.run(lambda tx: queues.ensure(tx, counted(9)))
    with watched(database) as statements:
        database.run(lambda tx: queues.delete(tx, counted(9)))
    check_in_order(on(statements, "SELECT 1 FROM jobs"), "ref", "jobs_list", 1)
    check_by_key(on(statements, "DELETE FROM queue_counts"), COUNTERS)


@pytest.mark.parametrize("key", [b"n" * 32, digest(5), digest(15_000)], ids=["new", "old", "known"])
def test_an_idempotency_key_is_found_by_its_digest(
    database: ServerDatabase, some: list[str], key: bytes
) -> None:
    wanted = idempotency.Reservation(key, some[0], 1, bytes(32))
    with watched(database) as statements:
        for _ in range(2):
            database.run(lambda tx: idempotency.reserve(tx, wanted))
    on(statements, "DELETE FROM idempotency_keys", "INSERT", "SELECT first_id")
    check_by_key(statements, 1)


def test_old_idempotency_keys_are_swept_in_the_order_of_their_time(
    database: ServerDatabase,
) -> None:
    with watched(database) as statements:
        assert database.run(lambda tx: idempotency.sweep(tx, 30)) == 30
    check_in_order(on(statements, "SELECT digest"), "range", "idempotency_expiry", 30)
    check_by_key(on(statements, "DELETE"), 1)


MONTH = "id BETWEEN x'{}' AND x'{}'"
JOIN = "(SELECT x'01' AS a, 2 AS n UNION ALL SELECT x'02', 1) t JOIN jobs j ON j.id = t.a"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM jobs WHERE type = 'x'",
        "SELECT id FROM jobs WHERE id < x'02' ORDER BY run_at LIMIT 1",
        "SELECT id FROM jobs WHERE id < x'02' ORDER BY id LIMIT 1",
        f"SELECT j.id FROM {JOIN} ORDER BY t.n",
        f"SELECT COUNT(*) FROM jobs FORCE INDEX (PRIMARY) WHERE {MONTH}",
    ],
    ids=["scan", "sort", "all months", "sort of a join's first step", "too many rows"],
)
def test_what_is_wrong_would_be_noticed(
    database: ServerDatabase, queued: list[list[str]], sql: str
) -> None:
    ends = [ids.raw(id_).hex() for id_ in (queued[5][0], queued[5][-1])]
    with watched(database) as statements:
        database.run(lambda tx: tx.read(sql.format(*ends)))
    with pytest.raises(AssertionError):
        check_by_key(statements, 1, months=1)
