"""What operators and workers do to jobs in the hopper reaches it with `forget` and `offer`."""

from functools import partial

from jobhopper_core.model.states import Move
from jobhopper_core.model.writes import Release
from jobhopper_core.store.operate import Order, erase, operate

from .hopper import QUEUE
from .mill import Mill

HOUR = 3_600_000_000


def _taken(mill: Mill) -> list[str]:
    return [job.id for job in mill.hopper.take(100).jobs]


def test_a_cancelled_job_leaves_the_hopper_and_a_redriven_one_returns(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    first, second = mill.create(2)
    mill.operate(first, move=Move.CANCEL)
    assert mill.hopper.ids() == [second]
    mill.operate(first, move=Move.REDRIVE)
    assert _taken(mill) == [second, first]


def test_a_job_cancelled_in_a_claimants_hands_can_be_redriven_at_once(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    (job_id,) = mill.create()
    hands = mill.hopper.take(1).jobs
    mill.operate(job_id, move=Move.CANCEL)
    assert mill.claim(hands) == []
    mill.operate(job_id, move=Move.REDRIVE)
    assert [job.id for job in mill.claim(mill.hopper.take(1).jobs)] == [job_id]


def test_a_silenced_job_leaves_the_hopper_until_it_is_heard_again(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    (job_id,) = mill.create()
    mill.operate(job_id, silenced=True)
    assert mill.hopper.ids() == []
    mill.operate(job_id, silenced=False)
    assert _taken(mill) == [job_id]


def test_a_new_priority_moves_a_job_in_the_hopper(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    first, second, third = mill.create(3)
    mill.operate(third, priority=0)
    mill.operate(first, priority=9)
    assert _taken(mill) == [third, second, first]


def test_a_lower_priority_beyond_the_horizon_moves_a_job_out_of_the_hopper(mill: Mill) -> None:
    mill.create_many(2)
    mill.refill.run(QUEUE, from_start=True)
    first, second = mill.hopper.ids()[:2]
    mill.operate(first, priority=9)
    assert mill.hopper.ids()[0] == second
    assert mill.in_order()[-1] == first
    assert mill.drain(500, low_water=250)[-1] == first


def test_a_new_time_takes_a_job_out_or_moves_it(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    first, second, third = mill.create(3)
    now = mill.database.clock()
    mill.operate(first, run_at=now + HOUR)
    mill.operate(third, run_at=now - HOUR)
    assert _taken(mill) == [third, second]


def test_an_erased_job_keeps_its_place_and_leaves_nothing_of_its_payload(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    (job_id,) = mill.create(payload='"personal"')
    mill.tell_of(partial(erase, job_id=job_id))
    assert mill.hopper.ids() == [job_id]
    assert b"personal" not in mill.hopper.contents().jobs[job_id]


def test_a_released_job_comes_back_in_its_next_attempt(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    mill.create()
    (job,) = mill.claim(mill.hopper.take(1).jobs)
    mill.apply(Release(id=job.id, at=mill.database.clock(), claim_id=job.claim_id, attempt=1))
    (again,) = mill.hopper.take(1).jobs
    assert (again.id, again.attempt) == (job.id, 1)
    assert [job.attempt for job in mill.claim([again])] == [2]


def test_a_change_that_redis_did_not_hear_of_is_refused_by_mysql(mill: Mill) -> None:
    mill.refill.run(QUEUE, from_start=True)
    first, second = mill.create(2)
    mill.write(partial(operate, job_id=first, order=Order(move=Move.CANCEL)))
    assert [job.id for job in mill.claim(mill.hopper.take(2).jobs)] == [second]
