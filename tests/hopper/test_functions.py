"""What each function promises, one case at a time; `test_functions_model` mixes them all."""

import pytest
import redis

from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.telling import paused
from jobhopper_core.model.queue import QueueSettings

from .hopper import QUEUE, Hopper, id_of, job, numbers, taken_numbers

ALL = (1e300, "")


@pytest.fixture
def small(link: HopperLink, raw: redis.Redis) -> Hopper:
    """A hopper that holds three jobs."""
    return Hopper(link, raw, HopperCommands(Names(), most_jobs=3, most_bytes=1 << 20))


def test_take_goes_by_priority_then_time_to_the_millisecond_then_id(hopper: Hopper) -> None:
    hopper.refill()
    hopper.offer(
        job(5, 9, 1), job(4, 0, 7), job(3, 0, 6), job(2, 0, 7), job(1, 5, 4_000_000_000_000)
    )
    assert taken_numbers(hopper.take(9)) == [3, 2, 4, 1, 5]


def test_take_hands_out_the_job_as_it_was_offered(hopper: Hopper) -> None:
    hopper.refill()
    hopper.offer(job(1, 3, 77, attempt=2, payload='{"a": 1.0, "b": "é"}'))
    (found,) = hopper.take(1).jobs
    assert (found.id, found.priority, found.run_at, found.attempt) == (id_of(1), 3, 77_000, 2)
    assert bytes(found.payload).decode() == '{"a": 1.0, "b": "é"}'


def test_an_unknown_queue_is_cold_and_its_offers_wake_whoever_waits(hopper: Hopper) -> None:
    pubsub = hopper.raw.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(hopper.keys[6])
    pubsub.get_message(timeout=1)
    assert hopper.offer(job(1)) == 0
    assert pubsub.get_message(timeout=1) is not None
    assert hopper.take(1) == ("cold", True, None, [])
    pubsub.close()


def test_offers_at_or_above_the_horizon_are_left_to_the_refill(hopper: Hopper) -> None:
    hopper.refill(job(1), job(2), complete=False)
    assert hopper.offer(job(3), job(0)) == 1
    assert taken_numbers(hopper.take(2)) == [0, 1]
    assert hopper.take(2).state == "dry"


def test_take_asks_for_a_refill_below_the_low_water_mark_unless_it_holds_all(
    hopper: Hopper,
) -> None:
    hopper.refill(*map(job, range(5)), complete=False)
    assert not hopper.take(1, low_water=4).refill_due
    assert hopper.take(1, low_water=4).refill_due
    hopper.refill(*map(job, range(2, 5)), complete=True)
    assert not hopper.take(9, low_water=4).refill_due


def test_too_many_jobs_lower_the_horizon_to_the_lowest_that_left(small: Hopper) -> None:
    small.refill()
    small.offer(*map(job, range(5)))
    assert numbers(small.ids()) == [0, 1, 2]
    assert small.contents().horizon == (job(3).score, id_of(3))
    assert small.offer(job(3)) == 0


def test_too_many_bytes_lower_the_horizon_too_but_one_job_always_stays(
    link: HopperLink, raw: redis.Redis
) -> None:
    size = len(job(0).value)
    tight = Hopper(link, raw, HopperCommands(Names(), most_jobs=9, most_bytes=2 * size))
    tight.refill()
    tight.offer(job(0), job(1), job(2))
    assert numbers(tight.ids()) == [0, 1]
    tight.forget(id_of(0), id_of(1))
    tight.offer(job(1, payload='"' + 5 * size * "x" + '"'))
    assert numbers(tight.ids()) == [1]
    tight.check()


def test_what_is_trimmed_during_a_refill_stays_above_its_horizon(small: Hopper) -> None:
    """The read was over before these came: a horizon beyond them would hide them for good."""
    small.refill()
    small.begin()
    small.offer(*map(job, range(5)))
    small.end(complete=True)
    assert small.contents().horizon == (job(3).score, id_of(3))


def test_what_is_offered_during_a_refill_is_there_when_it_ends(hopper: Hopper) -> None:
    """So a busy queue is whole again after its first refill, however fast work arrives."""
    hopper.begin()
    hopper.offer(job(7), job(8, 0))
    assert hopper.take(1).state == "cold"
    hopper.end(job(1), complete=True)
    assert hopper.contents().horizon == ALL
    assert taken_numbers(hopper.take(9)) == [8, 1, 7]


def test_what_is_offered_during_a_refill_is_not_handed_out_before_it_ends(hopper: Hopper) -> None:
    hopper.refill(job(1), complete=False)
    hopper.begin()
    hopper.offer(job(9))
    assert taken_numbers(hopper.take(2)) == [1]
    hopper.end(job(2), job(3), complete=False)
    assert taken_numbers(hopper.take(9)) == [2, 3]
    hopper.check()


def test_an_offer_that_comes_too_late_for_a_refill_caps_its_horizon(hopper: Hopper) -> None:
    hopper.begin()
    assert hopper.offer(job(5), age_ms=5_100) == -1
    hopper.end(job(1), complete=True)
    assert hopper.contents().horizon == (job(5).score, id_of(5))


def test_a_read_from_the_start_heals_any_number_of_lost_offers(hopper: Hopper) -> None:
    """All offers were lost for a while: what the horizon promised is wrong beyond what was read."""
    hopper.refill(complete=True)
    hopper.offer(job(90))
    hopper.refill(job(1), job(2), complete=False)
    assert hopper.contents().horizon == (job(2).score, id_of(2) + "!")
    assert numbers(hopper.ids()) == [1, 2]
    assert hopper.take(9).state == "dry"


def test_one_refill_at_a_time_until_its_time_is_up(hopper: Hopper) -> None:
    assert hopper.begin("a", 5_000) is not None
    assert hopper.begin("b", 5_000) is None
    assert 4_000 < hopper.raw.pttl(hopper.keys[5]) <= 5_000
    hopper.raw.delete(hopper.keys[5])
    assert hopper.begin("b") is not None
    assert hopper.end(job(1), by="a") == ("lost", 0)
    assert hopper.end(job(1), by="b", complete=True) == ("done", 1)


def test_a_refill_that_is_called_off_changes_nothing(hopper: Hopper) -> None:
    hopper.refill(job(1), complete=False)
    before = hopper.contents()
    hopper.begin()
    assert hopper.end() == ("done", 0)
    assert hopper.contents() == before
    assert hopper.begin() is not None


def test_flushall_during_a_refill_makes_it_void(hopper: Hopper) -> None:
    hopper.begin()
    hopper.raw.flushall()
    assert hopper.end(job(1), complete=True) == ("lost", 0)
    assert hopper.take(1).state == "cold"


def test_stale_offers_and_refills_do_not_bring_back_what_was_taken(hopper: Hopper) -> None:
    hopper.refill(job(1))
    hopper.begin()
    hopper.take(1)
    assert hopper.offer(job(1)) == 0
    assert hopper.end(job(1), complete=True) == ("done", 0)
    assert hopper.offer(job(1, attempt=1)) == 1


def test_an_attempt_counts_as_taken_for_ten_seconds(hopper: Hopper) -> None:
    hopper.refill(job(1))
    hopper.take(1)
    marks = hopper.keys[3]
    assert 9_000 < hopper.raw.pttl(marks) <= 10_000
    hopper.raw.zincrby(marks, -10_001 * 4096, id_of(1))
    assert hopper.offer(job(1)) == 1


def test_what_is_given_back_stands_in_its_old_place(hopper: Hopper) -> None:
    hopper.refill(job(1), job(2))
    hopper.take(1)
    assert hopper.give_back(job(1)) == 1
    assert taken_numbers(hopper.take(2)) == [1, 2]


def test_what_is_given_back_does_not_overwrite_what_is_newer(hopper: Hopper) -> None:
    hopper.refill(job(1))
    hopper.take(1)
    hopper.forget(id_of(1))
    hopper.offer(job(1, 0, updated_at=2))
    assert hopper.give_back(job(1)) == 0
    assert hopper.contents().ready == {id_of(1): job(1, 0).score}


def test_the_newest_version_wins_in_any_order(hopper: Hopper) -> None:
    hopper.refill()
    assert hopper.offer(job(1, 0, updated_at=2)) == 1
    assert hopper.offer(job(1, 9, updated_at=1)) == 0
    assert hopper.offer(job(1, 3, updated_at=4), job(1, 5, updated_at=3)) == 1
    assert hopper.contents().ready == {id_of(1): job(1, 3).score}
    hopper.check()


def test_a_version_beyond_the_horizon_takes_the_old_one_out(hopper: Hopper) -> None:
    """Its place in the hopper is no longer its own, should nobody have said `forget`."""
    hopper.refill(job(1), job(2), complete=False)
    hopper.offer(job(1, 9, updated_at=2))
    assert numbers(hopper.ids()) == [2]
    hopper.check()


def test_a_job_that_is_forgotten_may_come_back_in_the_same_attempt(hopper: Hopper) -> None:
    """Cancelled while a claim was under way, then redriven."""
    hopper.refill(job(1))
    hopper.take(1)
    assert hopper.forget(id_of(1)) == 0
    assert hopper.offer(job(1, updated_at=2)) == 1


def test_a_paused_queue_gives_nothing_until_it_goes_on(hopper: Hopper) -> None:
    pubsub = hopper.raw.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(hopper.keys[6])
    pubsub.get_message(timeout=1)
    hopper.refill(job(1))
    hopper.link.run(paused(Names(), QUEUE, QueueSettings(paused=True)))
    assert hopper.take(1) == ("paused", False, None, [])
    hopper.link.run(paused(Names(), QUEUE, QueueSettings()))
    assert taken_numbers(hopper.take(1)) == [1]
    heard = [message["data"] for message in iter(lambda: pubsub.get_message(timeout=1), None)]
    assert heard[-1:] == [b"0"]
    pubsub.close()


def test_two_thousand_jobs_go_in_and_out_in_one_call(hopper: Hopper) -> None:
    """More than Lua takes as arguments of one command."""
    jobs = [job(n, n % 10) for n in range(2_500)]
    hopper.refill()
    large = Hopper(hopper.link, hopper.raw, HopperCommands(Names(), most_jobs=5_000))
    assert large.offer(*jobs) == 2_500
    hopper.check()
    assert len(hopper.take(2_400).jobs) == 2_400
    assert large.offer(*jobs) == 100
    assert hopper.forget(*map(id_of, range(2_500))) == 100
    assert hopper.contents().bytes == 0


def test_a_job_that_left_its_queue_is_not_brought_back_by_an_older_offer(hopper: Hopper) -> None:
    """An offer that was read before an operator cancelled the job, and comes after that."""
    hopper.refill()
    old, new = job(1, updated_at=100), job(1, updated_at=200)
    hopper.offer(old)
    assert hopper.forget_version({id_of(1): 150}) == 1
    assert hopper.offer(old) == 0
    assert hopper.refill(old) == 0
    assert hopper.give_back(old) == 0
    assert hopper.ids() == []
    assert hopper.offer(new) == 1


def test_what_is_held_in_a_newer_version_is_not_forgotten(hopper: Hopper) -> None:
    hopper.refill()
    hopper.offer(job(1, updated_at=200))
    assert hopper.forget_version({id_of(1): 150}) == 0
    assert hopper.ids() == [id_of(1)]
    # Nor does a word of before take back what is known since.
    hopper.forget_version({id_of(1): 300})
    hopper.forget_version({id_of(1): 250})
    assert hopper.offer(job(1, updated_at=260)) == 0


def test_what_has_left_is_remembered_for_so_many_jobs_and_so_long(
    hopper: Hopper, raw: redis.Redis
) -> None:
    hopper.forget_version({id_of(n): n for n in range(21_000)})
    gone = hopper.keys[7]
    assert raw.zcard(gone) == 20_000
    assert 0 < raw.pttl(gone) <= 10_000
