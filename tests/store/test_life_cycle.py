"""The whole life cycle on a real store, in every order that chance finds, against a model."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobhopper_core.errors import ConflictError
from jobhopper_core.model.job import ClaimedJob, Job
from jobhopper_core.model.states import Move
from jobhopper_core.model.writes import Create, Extend, Fail, Release, Succeed, Update
from jobhopper_core.store.expire import ERROR
from jobhopper_core.store.list_jobs import Filters, list_jobs
from jobhopper_core.store.look_up import look_up, top
from jobhopper_core.store.operate import erase
from jobhopper_core.store.save import Effects
from jobhopper_core.store.transaction import Transaction

from .audit import audit
from .conftest import MakeDatabase
from .life_model import OVER, LifeModel, ModelJob
from .steps import SECOND, Clock, Store

T = TypeVar("T")

QUEUES = ("a", "b")
# How far back from the newest: mostly it is about what was just made.
WHICH = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8, 13, 40])
QUEUE = st.sampled_from(QUEUES)
MOMENT = st.sampled_from([-3600 * SECOND, 0, 1, 1_500, 7 * SECOND, 3600 * SECOND])
AHEAD = st.none() | MOMENT
LATE = st.sampled_from([0, 0, 0, 1, SECOND, 90 * SECOND])
TEXT = st.sampled_from([None, '"x"', '"y"'])
NEW = st.fixed_dictionaries(
    {
        "queue": QUEUE,
        "priority": st.sampled_from([0, 5, 9]),
        "max_attempts": st.sampled_from([1, 2, 5]),
        "ahead": AHEAD,
        "payload": st.sampled_from(['"p"', "1"]),
        "again": st.sampled_from([None, None, None, 0, 3]),
    }
)
SAYING = st.one_of(
    st.tuples(
        st.just(Extend),
        st.fixed_dictionaries({"until": st.sampled_from([None, 0, 30, 300]), "progress": TEXT}),
    ),
    st.tuples(st.just(Succeed), st.fixed_dictionaries({"result": TEXT, "progress": TEXT})),
    st.tuples(
        st.just(Fail),
        st.fixed_dictionaries(
            {
                "error": TEXT,
                "retry": st.sampled_from([True, True, False]),
                "retry_in": st.sampled_from([None, 0, 20 * SECOND]),
                "progress": TEXT,
            }
        ),
    ),
    st.tuples(st.just(Release), st.fixed_dictionaries({"progress": TEXT})),
)


class LifeCycle(RuleBasedStateMachine):
    def __init__(self, make_database: MakeDatabase) -> None:
        super().__init__()
        self.clock = Clock()
        self.database = make_database(self.clock)
        self.store = Store(self.database, self.clock)
        self.model = LifeModel()
        self.ids: list[str] = []
        self.claims: list[ClaimedJob] = []
        self.sent: list[Update] = []
        self.attempts: dict[str, int] = {}
        self.successes: Counter[str] = Counter()

    def teardown(self) -> None:
        self.database.close()

    def one(self, which: int) -> ModelJob:
        return self.model.jobs[self.ids[-1 - which % len(self.ids)]]

    def new(self, **given: Any) -> Create:
        """A create of a new job, or of an id that is there already, with other content."""
        again, ahead = given.pop("again"), given.pop("ahead")
        if ahead is not None:
            given["run_at"] = self.clock() + ahead
        if again is not None and self.ids:
            given["id"] = self.one(again).id
        return self.store.new(**given)

    @initialize(new=st.lists(NEW, min_size=2, max_size=6))
    def begin(self, new: list[dict[str, Any]]) -> None:
        self.create(new)
        for queue in QUEUES:
            self.claim(queue, 2, 60)

    @rule(new=st.lists(NEW, min_size=1, max_size=3))
    def create(self, new: list[dict[str, Any]]) -> None:
        self.check_batch([self.new(**one) for one in new])

    @rule(queue=QUEUE, jobs=st.integers(1, 4), lease=st.sampled_from([5, 60, 600]))
    def claim(self, queue: str, jobs: int, lease: int) -> None:
        worker, now = f"w{len(self.claims)}", self.clock()
        claimed = self.store.claim(jobs, queue, lease, worker)
        picks = self.model.claim(queue, jobs, now + lease * SECOND, worker, now)
        assert [(job.id, job.attempt) for job in claimed] == [(p.id, p.attempt) for p in picks]
        for job in claimed:
            self.model.bear(job)
        self.claims += claimed

    @precondition(lambda self: self.claims)
    @rule(says=st.lists(st.tuples(WHICH, SAYING, LATE), min_size=1, max_size=4))
    def report(self, says: list[tuple[int, tuple[type[Update], dict[str, Any]], int]]) -> None:
        """A batch of updates of present and past claims, some accepted a while ago."""
        updates = [self.update(which, kind, late, **told) for which, (kind, told), late in says]
        self.sent += updates
        self.check_batch(updates)

    def update(self, which: int, kind: type[Update], late: int, **told: Any) -> Update:
        at = self.clock() - late
        if told.get("until") is not None:
            told["until"] = at + told["until"] * SECOND
        return self.store.update(kind, self.claims[-1 - which % len(self.claims)], at=at, **told)

    @precondition(lambda self: self.sent)
    @rule(which=st.lists(WHICH, min_size=1, max_size=3), new=NEW)
    def send_again(self, which: list[int], new: dict[str, Any]) -> None:
        """Updates that were sent before, in a batch with a create."""
        self.check_batch([*(self.sent[-1 - n % len(self.sent)] for n in which), self.new(**new)])

    def check_batch(self, writes: list[Any]) -> None:
        """Applies `writes` as one batch: outcomes, in order, and effects are the model's."""
        now, over = self.clock(), self.over()
        applied = self.store.apply(*writes)
        outcomes = self.told(writes, now)
        assert [outcome.value for outcome in applied.outcomes] == outcomes
        done = [w for w, o in zip(writes, outcomes, strict=True) if o == "applied"]
        self.successes.update(w.id for w in done if isinstance(w, Succeed))
        self.check_effects(applied.effects, {w.id for w in done}, over)

    def told(self, writes: list[Any], now: int) -> list[str]:
        # In a batch the updates come first: those of a job that is only being made find none.
        outcomes = dict.fromkeys(range(len(writes)), "")
        for n, write in enumerate(writes):
            if not isinstance(write, Create):
                outcomes[n] = self.model.update(write, now)
        for n, write in enumerate(writes):
            if isinstance(write, Create):
                outcomes[n] = self.model.create(write, now)
                self.ids += [write.id] if outcomes[n] == "applied" else []
        return list(outcomes.values())

    def over(self) -> set[str]:
        return {job.id for job in self.model.jobs.values() if job.status in OVER}

    def check_effects(self, effects: Effects, changed: set[str], over: set[str]) -> None:
        assert effects.finished == self.over() - over
        ready = {self.model.jobs[id_].queue for id_ in changed if self.model.jobs[id_].ready}
        assert effects.ready == ready

    @rule(seconds=st.sampled_from([0.0001, 1, 6, 61, 4000]), grace=st.sampled_from([0, SECOND]))
    def time_passes_and_leases_expire(self, seconds: float, grace: int) -> None:
        self.clock.advance(seconds)
        before = self.clock() - grace
        over = Counter(job.queue for job in self.model.expire(before, self.clock(), ERROR))
        assert self.store.expire(before) == dict(over)

    @rule(seconds=st.sampled_from([0, 0.001, 6, 61, 4000]))
    def time_passes_and_jobs_become_due(self, seconds: float) -> None:
        self.clock.advance(seconds)
        assert self.store.promote() == len(self.model.promote(self.clock()))

    @precondition(lambda self: self.ids)
    @rule(which=WHICH, move=st.sampled_from([Move.CANCEL, Move.REDRIVE, Move.REDRIVE]))
    def cancel_or_redrive(self, which: int, move: Move) -> None:
        self.order(which, move.value, {"move": move})

    @precondition(lambda self: self.ids)
    @rule(which=WHICH, silenced=st.sampled_from([True, False, False]))
    def silence(self, which: int, silenced: bool) -> None:
        self.order(which, "silence", {"silenced": silenced}, silenced=silenced)

    @precondition(lambda self: self.ids)
    @rule(which=WHICH, priority=st.none() | st.integers(0, 9), ahead=MOMENT)
    def move_in_the_queue(self, which: int, priority: int | None, ahead: int) -> None:
        if priority is not None:
            self.order(which, "set_priority", {"priority": priority}, priority=priority)
        else:
            run_at = self.clock() + ahead
            self.order(which, "set_run_at", {"run_at": run_at}, run_at=run_at)

    def order(self, which: int, verb: str, order: dict[str, Any], **told: Any) -> None:
        job, over = self.one(which), self.over()
        expected = getattr(self.model, verb)(job, self.clock(), **told)
        answer, effects = self.answer(lambda: self.store.operate(job.id, **order))
        assert answer == expected
        if effects is not None:
            self.check_effects(effects, {job.id}, over)

    def answer(self, call: Callable[[], T]) -> tuple[str, T | None]:
        try:
            return "done", call()
        except ConflictError as error:
            return error.code, None

    @precondition(lambda self: self.ids)
    @rule(which=WHICH)
    def erase(self, which: int) -> None:
        job = self.one(which)
        answer, _ = self.answer(lambda: self.store.write(lambda tx: erase(tx, job.id)))
        assert answer == self.model.erase(job, self.clock())

    @rule(queue=QUEUE, paused=st.sampled_from([True, False, False]))
    def pause(self, queue: str, paused: bool) -> None:
        self.store.set_queue(queue, paused=paused)
        (self.model.paused.add if paused else self.model.paused.discard)(queue)

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        listed, whole = self.store.read(self.everything)
        assert [job.id for job in listed] == sorted(self.ids, reverse=True)
        for id_, (job, attempts) in whole.items():
            assert job == self.model.jobs[id_].as_job()
            assert [tuple(one) for one in attempts] == self.model.jobs[id_].as_attempts()

    def everything(self, tx: Transaction) -> tuple[list[Job], dict[str, Any]]:
        page = list_jobs(tx, Filters(silenced=None), None, 500)
        return page.jobs, {id_: look_up(tx, id_) for id_ in self.ids}

    @invariant()
    def claims_would_be_handed_out_in_the_models_order(self) -> None:
        for queue in QUEUES:
            found = self.store.read(lambda tx, q=queue: top(tx, q, 500))
            assert [job.id for job in found] == [job.id for job in self.model.ready(queue)]

    @invariant()
    def counters_and_index_columns_are_right(self) -> None:
        for queue in QUEUES:
            assert self.store.depths(queue) == self.model.depths(queue)
        audit(self.database)

    @invariant()
    def attempts_never_fall_and_no_job_has_two_results(self) -> None:
        now = {job.id: job.attempt for job in self.model.jobs.values()}
        assert all(now[id_] >= attempt for id_, attempt in self.attempts.items())
        self.attempts = now
        assert all(n == 1 for n in self.successes.values())


def run(make_database: MakeDatabase, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: LifeCycle(make_database),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(900)  # of which a failure takes up to 300 s to be made small
def test_the_life_cycle_is_that_of_the_model(make_database: MakeDatabase, kind: str) -> None:
    # A server takes a round trip where SQLite takes a function call.
    run(make_database, examples=80 if kind == "sqlite" else 8, steps=50)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_life_cycle_is_that_of_the_model_in_many_more_orders(
    make_database: MakeDatabase,
) -> None:
    run(make_database, examples=150, steps=80)
