"""The six functions against a plain model of them, beside a model of MySQL's queued rows.

What is promised: **every queued job below the horizon is in the hopper, or was just taken from
it**, whatever comes between what; but for an offer that was lost, up to the next read from the
start.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import Offer

from .hopper import Hopper, id_of, job
from .model import Model, place

MOST_JOBS, MOST_BYTES, CAPACITY = 6, 900, 4
priorities = st.integers(0, 2)
times = st.integers(1, 4)
payloads = st.sampled_from(["null", '"' + "x" * 60 + '"', '"' + "y" * 250 + '"'])


@dataclass
class Row:
    """A job in MySQL."""

    number: int
    priority: int
    ms: int
    payload: str
    updated_at: int
    attempt: int = 0
    queued: bool = True

    def offer(self) -> Offer:
        return job(self.number, self.priority, self.ms, self.attempt, self.updated_at, self.payload)


@dataclass(eq=False)
class Refilling:
    """A refiller between its begin and its end."""

    token: str
    from_start: bool
    after: tuple[float, str] | None
    limit: int
    rows: list[Offer] | None = None
    complete: bool = False
    # Offers that were lost once its read was over, so that it does not heal them.
    missed: set[str] = field(default_factory=set)


@dataclass(eq=False)
class InHand:
    """Jobs that an API replica has taken and not yet claimed."""

    offers: list[Offer]


class HopperMachine(RuleBasedStateMachine):
    untold = Bundle("untold")
    hands = Bundle("hands")
    refills = Bundle("refills")

    def __init__(self, hopper: Hopper) -> None:
        super().__init__()
        self.hopper = Hopper(hopper.link, hopper.raw, _small())
        self.hopper.raw.flushall()
        self.model = Model(MOST_JOBS, MOST_BYTES)
        self.rows: dict[str, Row] = {}
        self.tick = 0
        # Committed, and on its way to the hopper.
        self.on_its_way: list[Offer] = []
        # Whose offer was lost: the next read from the start finds them.
        self.lost: set[str] = set()
        self.reading: list[Refilling] = []

    @initialize(cold=st.booleans())
    def start(self, cold: bool) -> None:
        """An empty queue; known as such, or not known at all."""
        if not cold:
            self.hopper.refill()
            self.model.begin("t")
            self.model.end("t", [], complete=True)

    # What happens in MySQL, each with what is to be said to Redis about it.

    @rule(
        target=untold,
        jobs=st.lists(st.tuples(priorities, times, payloads), min_size=1, max_size=8),
    )
    def create(self, jobs: list[tuple[int, int, str]]) -> list[Offer]:
        made = [
            Row(len(self.rows) + n, priority, ms, payload, self._now())
            for n, (priority, ms, payload) in enumerate(jobs)
        ]
        self.rows |= {id_of(row.number): row for row in made}
        return self._committed([row.offer() for row in made])

    @precondition(lambda self: any(not row.queued for row in self.rows.values()))
    @rule(target=untold, data=st.data())
    def release_or_redrive(self, data: st.DataObject) -> list[Offer]:
        """Back in the queue, in the next attempt or, when it was cancelled, in the same one."""
        row = data.draw(st.sampled_from([r for r in self.rows.values() if not r.queued]))
        row.queued, row.updated_at = True, self._now()
        return self._committed([row.offer()])

    @precondition(lambda self: any(row.queued for row in self.rows.values()))
    @rule(target=untold, data=st.data(), priority=priorities, ms=times)
    def move(self, data: st.DataObject, priority: int, ms: int) -> list[Offer]:
        """An operator gives a job another place."""
        row = self._draw_queued(data)
        self._forget(row)
        row.priority, row.ms, row.updated_at = priority, ms, self._now()
        return self._committed([row.offer()])

    @precondition(lambda self: any(row.queued for row in self.rows.values()))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        row = self._draw_queued(data)
        row.queued, row.updated_at = False, self._now()
        self._forget(row)

    @precondition(lambda self: any(row.queued for row in self.rows.values()))
    @rule(data=st.data())
    def claim_from_mysql(self, data: st.DataObject) -> None:
        """Redis does not hear of it."""
        row = self._draw_queued(data)
        row.queued, row.attempt, row.updated_at = False, row.attempt + 1, self._now()

    # What Redis is told.

    @rule(offers=consumes(untold))
    def tell(self, offers: list[Offer]) -> None:
        self._arrived(offers)
        added = self.hopper.offer(*offers)
        assert added == self.model.offer(offers, late=False)
        assert not added or self._within_bounds()

    @rule(offers=consumes(untold))
    def tell_too_late(self, offers: list[Offer]) -> None:
        self._arrived(offers)
        self._lose(offers)
        assert self.hopper.offer(*offers, age_ms=5_100) == self.model.offer(offers, late=True)

    @rule(offers=consumes(untold))
    def tell_when_full(self, offers: list[Offer]) -> None:
        """Redis has no room for them, and is told which they were."""
        self._arrived(offers)
        self.hopper.refuse(*offers)
        self.model.refuse(offers)

    @rule(offers=consumes(untold))
    def never_tell(self, offers: list[Offer]) -> None:
        self._arrived(offers)
        self._lose(offers)

    @rule(target=untold, offers=consumes(untold))
    def tell_twice(self, offers: list[Offer]) -> Any:
        """What the consumer does when its acknowledgement is lost."""
        assert self.hopper.offer(*offers) == self.model.offer(offers, late=False)
        self.on_its_way += offers
        return multiple(offers, offers)

    # Claims.

    @rule(target=hands, count=st.integers(1, 5))
    def take(self, count: int) -> InHand:
        found = self.hopper.take(count)
        state, offers = self.model.take(count)
        assert found.state == state
        assert [job.id for job in found.jobs] == [offer.id for offer in offers]
        assert offers == sorted(offers, key=place)
        return InHand(offers)

    @rule(hand=consumes(hands))
    def claim(self, hand: InHand) -> None:
        for offer in hand.offers:
            row = self.rows[offer.id]
            if row.queued and row.attempt == offer.attempt:
                row.queued, row.attempt, row.updated_at = False, row.attempt + 1, self._now()

    @rule(hand=consumes(hands))
    def give_back(self, hand: InHand) -> None:
        assert self.hopper.give_back(*hand.offers) == self.model.give_back(hand.offers)

    @rule(hand=consumes(hands))
    def die_with(self, hand: InHand) -> None:
        """An API replica dies before it claims: its jobs are as good as an offer that was lost."""
        self._lose(hand.offers)
        self._expire([offer.id for offer in hand.offers])

    # Refills; `token` is a refiller's.

    @rule(
        target=refills,
        token=st.sampled_from("ab"),
        from_start=st.booleans(),
        limit=st.integers(1, CAPACITY),
    )
    def begin(self, token: str, from_start: bool, limit: int) -> Any:
        token = f"{token}{self._now()}"
        found, went = self.hopper.begin(token), self.model.begin(token)
        assert (found is not None) == went
        if found is None:
            return multiple()
        assert (found.depth, found.bytes) == (len(self.model.held), self.model.bytes())
        assert found.horizon == self.model.horizon
        from_start = from_start or found.horizon is None
        begun = Refilling(token, from_start, None if from_start else found.horizon, limit)
        self.reading.append(begun)
        return begun

    @rule(begun=refills)
    def read(self, begun: Refilling) -> None:
        """The read from MySQL; what is committed after it, it does not see."""
        if begun.rows is not None:
            return
        queued = sorted((row.offer() for row in self.rows.values() if row.queued), key=place)
        after = begun.after or (-1, "")
        begun.rows = [offer for offer in queued if place(offer) >= after][: begun.limit]
        begun.complete = len(begun.rows) < begun.limit

    @rule(begun=consumes(refills))
    def end(self, begun: Refilling) -> None:
        self.read(begun)
        self.reading.remove(begun)
        rows = begun.rows or []
        found = self.hopper.end(*rows, by=begun.token, complete=begun.complete)
        assert found == self.model.end(begun.token, rows, complete=begun.complete)
        assert found[0] == "lost" or self._within_bounds()
        if found[0] == "done" and begun.from_start:
            self.lost = begun.missed | (self.lost & self.model.taken.keys())

    @rule(begun=consumes(refills))
    def call_off(self, begun: Refilling) -> None:
        self.reading.remove(begun)
        found = self.hopper.end(by=begun.token)
        assert found == self.model.end(begun.token, [], complete=False)

    @rule(limit=st.integers(2, CAPACITY))
    def refill(self, limit: int) -> None:
        """A whole refill, nothing between."""
        begun = self.begin(f"c{limit}", True, limit)
        if isinstance(begun, Refilling):
            self.end(begun)

    @precondition(lambda self: self.tick % 5 == 0)
    @rule()
    def lose_token(self) -> None:
        """A refiller takes too long."""
        self.hopper.raw.delete(self.hopper.keys[5])
        self.model.lose_token()

    @precondition(lambda self: self.tick % 9 == 0)
    @rule()
    def flushall(self) -> None:
        self.hopper.raw.flushall()
        self.model.flush()

    @invariant()
    def functions_do_as_the_model(self) -> None:
        found, model = self.hopper.contents(), self.model
        assert found.horizon == model.horizon
        assert found.ready == {id_: offer.score for id_, offer in model.held.items()}
        assert found.jobs == {id_: offer.value for id_, offer in model.held.items()}
        assert found.bytes == model.bytes()
        assert found.taken == model.taken

    @invariant()
    def every_queued_job_below_the_horizon_is_held(self) -> None:
        coming = {(offer.id, offer.value) for offer in self.on_its_way}
        for row in self.rows.values():
            offer = row.offer()
            below = self.model.horizon is not None and place(offer) < self.model.horizon
            excused = offer.id in self.lost or (offer.id, offer.value) in coming
            if row.queued and below and not excused:
                here = offer.id in self.model.held
                assert here or self.model.taken.get(offer.id) == row.attempt, row

    def _within_bounds(self) -> bool:
        found = self.hopper.contents()
        return len(found.jobs) <= MOST_JOBS and (found.bytes <= MOST_BYTES or len(found.jobs) == 1)

    def _now(self) -> int:
        self.tick += 1
        return self.tick

    def _draw_queued(self, data: st.DataObject) -> Row:
        return data.draw(st.sampled_from([row for row in self.rows.values() if row.queued]))

    def _committed(self, offers: list[Offer]) -> list[Offer]:
        self.on_its_way += offers
        return offers

    def _arrived(self, offers: list[Offer]) -> None:
        for offer in offers:
            self.on_its_way.remove(offer)

    def _lose(self, offers: list[Offer]) -> None:
        ids = {offer.id for offer in offers}
        self.lost |= ids
        for begun in self.reading:
            begun.missed |= ids

    def _forget(self, row: Row) -> None:
        id_ = id_of(row.number)
        assert self.hopper.forget(id_) == self.model.forget([id_])

    def _expire(self, ids: list[str]) -> None:
        """Ten seconds go by for these ids."""
        for id_ in ids:
            if self.model.taken.pop(id_, None) is not None:
                self.hopper.raw.zrem(self.hopper.keys[3], id_)


def _small() -> HopperCommands:
    return HopperCommands(Names(), MOST_JOBS, MOST_BYTES)


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=50)


def test_functions_keep_the_promise(hopper: Hopper) -> None:
    run_state_machine_as_test(
        lambda: HopperMachine(hopper), settings=settings(_SETTINGS, max_examples=150)
    )


@pytest.mark.slow
@pytest.mark.long
def test_functions_keep_the_promise_for_longer(hopper: Hopper) -> None:
    run_state_machine_as_test(
        lambda: HopperMachine(hopper),
        settings=settings(_SETTINGS, max_examples=1_500, stateful_step_count=80),
    )
