"""What a worker knows of its leases decides what it gives back and what it still reports."""

import threading
import time

from client_samples import claimed_with

from jobhopper.worker.held import Held


def test_a_claim_is_lost_once() -> None:
    held, job = Held(), claimed_with("t")
    held.add([job], lease=60)
    assert held.lose(job, "cancelled")
    assert job.lost == "cancelled"
    assert not held.lose(job, "lease_expired")
    assert job.lost == "cancelled"
    assert held.all() == [job]
    assert held.standing() == []


def test_a_job_whose_end_is_being_reported_is_not_lost() -> None:
    """Else a stop would give it back, or a heartbeat that comes too late would complain."""
    held, job = Held(), claimed_with("t")
    held.add([job], lease=60)
    held.settle(job)
    assert not held.lose(job, "not_running")
    assert not job.cancelled


def test_a_job_that_was_let_go_is_not_lost() -> None:
    held, job = Held(), claimed_with("t")
    held.add([job], lease=60)
    held.drop(job)
    assert not held.lose(job, "not_running")
    assert len(held) == 0


def test_a_lease_ends_unless_it_is_renewed() -> None:
    held, kept, ended = Held(), claimed_with("a"), claimed_with("b")
    held.add([kept, ended], lease=0)
    held.renew(kept, time.monotonic() + 60)
    time.sleep(0.01)
    assert held.overdue() == [ended]


def test_two_claims_of_one_job_are_two() -> None:
    """The handler of a lost claim may still run when the same worker claims the job again."""
    held, first, second = Held(), claimed_with("a"), claimed_with("b")
    held.add([first, second], lease=60)
    held.drop(first)
    assert held.all() == [second]


def test_waiting_ends_as_a_job_goes() -> None:
    held, job = Held(), claimed_with("t")
    held.add([job], lease=60)
    assert not held.wait_until(lambda count: count == 0, timeout=0.05)
    timer = threading.Timer(0.1, held.drop, (job,))
    timer.start()
    assert held.wait_until(lambda count: count == 0, timeout=5)
    timer.join()
