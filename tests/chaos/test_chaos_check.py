"""Each rule of the checker: a story that keeps it, and one that breaks it."""

import pytest
from chaos_story import JOB, OTHER, Story, done

from chaos.evidence import Aftermath, Stall
from chaos.fault import Fault, Inflicted


def created(*, attempt: int = 0, status: str = "queued") -> Story:
    story = Story()
    story.create(1, JOB)
    story.row(status, attempt)
    return story


def test_a_job_that_was_done_breaks_nothing() -> None:
    story, _ = done()
    assert story.findings() == []


# Creates


def test_an_accepted_job_that_is_gone() -> None:
    story, _ = done()
    story.create(2, OTHER, request="other")
    assert story.broken() == {"accepted_is_there"}


def test_a_repeat_that_made_the_job_twice() -> None:
    story, _ = done()
    story.create(5, OTHER)
    story.row("queued", job=OTHER)
    assert story.broken() == {"a_repeat_gives_the_first_ids", "a_request_makes_its_jobs_once"}


def test_a_repeat_with_the_first_ids() -> None:
    story, _ = done()
    story.create(5, JOB)
    assert story.findings() == []


def test_a_payload_that_became_another() -> None:
    story = Story()
    story.create(1, JOB)
    story.row("queued", item=4)
    assert story.broken() == {"a_job_is_what_was_sent"}


# Claims


def test_an_attempt_that_is_handed_out_twice() -> None:
    story, _ = done()
    story.claim(20, 1)
    assert "attempts_rise" in story.broken()


def test_a_later_claim_with_a_lower_attempt() -> None:
    story = created(attempt=2, status="queued")
    story.claim(2, 2, lease=1)
    story.end(2, "expired", 14)
    story.claim(30, 1, lease=1)
    story.end(1, "expired", 44)
    assert story.broken() == {"attempts_rise"}


def test_a_claim_that_mysql_knows_nothing_of() -> None:
    story = created()
    story.claim(2, 1)
    assert story.broken() == {"a_claim_is_in_mysql"}


def expired(ended: float, again: float) -> Story:
    """A heartbeat keeps a lease until 18; the attempt expires, and the job is handed out again."""
    story = created(attempt=2, status="running")
    hold = story.claim(2, 1)
    story.say(hold, 8, extend=10)
    story.end(1, "expired", ended)
    story.claim(again, 2)
    return story


def test_a_lease_that_ended_before_the_job_went_on() -> None:
    assert expired(ended=28, again=30).findings() == []


def test_a_job_that_goes_to_another_within_the_lease() -> None:
    broken = expired(ended=13, again=15).broken()
    assert broken == {"a_lease_keeps_others_out", "a_claim_ends_by_its_holder_or_its_lease"}


def test_a_cancel_and_a_redrive_end_a_lease() -> None:
    story = created(attempt=2, status="running")
    story.claim(2, 1)
    story.order(3, status="cancelled")
    story.order(4, status="queued")
    story.claim(5, 2)
    assert story.findings() == []


def test_a_cancel_that_was_refused_ends_nothing() -> None:
    story = created(attempt=2, status="running")
    story.claim(2, 1)
    story.order(3, 409, status="cancelled")
    story.claim(5, 2)
    assert "a_lease_keeps_others_out" in story.broken()


def test_a_release_ends_a_lease() -> None:
    story = created(attempt=2, status="running")
    hold = story.claim(2, 1)
    story.say(hold, 3, status="queued")
    story.end(1, "released", 3)
    story.claim(4, 2)
    assert story.findings() == []


def test_a_release_that_nobody_said() -> None:
    story = created(attempt=1)
    story.claim(2, 1)
    story.end(1, "released", 5)
    assert story.broken() == {"a_claim_ends_by_its_holder_or_its_lease"}


def provisional_twice() -> Story:
    story = created(attempt=1, status="succeeded")
    for at in (2, 3):
        hold = story.claim(at, 1, provisional=True)
        story.say(hold, at + 2, status="succeeded", result=f"of {at}")
    story.row("succeeded", 1, result="of 3")
    return story


def test_two_provisional_holders_of_one_attempt() -> None:
    broken = provisional_twice().broken()
    assert broken >= {"attempts_rise", "a_lease_keeps_others_out", "an_accepted_end_is_applied"}


def test_two_provisional_holders_where_redis_failed_too() -> None:
    story = provisional_twice()
    story.faults.append(Inflicted(Fault(2, "flush", "valkey", 1), 2, 3))
    assert story.findings() == []


def test_a_provisional_result_that_is_nobodys() -> None:
    story = created(attempt=1, status="succeeded")
    hold = story.claim(2, 1, provisional=True)
    story.say(hold, 3, status="succeeded", result="of 2")
    story.row("succeeded", 1, result="of another")
    assert story.broken() == {"a_result_is_its_holders", "an_accepted_end_is_applied"}


@pytest.mark.parametrize("code", ["lease_expired", "stale_claim", "not_running", "cancelled"])
def test_a_worker_that_is_refused_within_its_lease(code: str) -> None:
    story = created(attempt=1, status="running")
    hold = story.claim(2, 1)
    story.say(hold, 4, 409, code, extend=10)
    assert story.broken() == {"within_its_lease_a_worker_is_heard"}


def test_a_worker_that_is_refused_after_a_cancel() -> None:
    story = created(attempt=1, status="cancelled")
    hold = story.claim(2, 1)
    story.order(3, status="cancelled")
    story.say(hold, 4, 409, "cancelled", extend=10)
    assert story.findings() == []


def test_the_repeat_of_an_end_is_not_refused() -> None:
    story, hold = done()
    story.say(hold, 4, 409, "not_running", status="succeeded", result="fine")
    assert story.broken() == {"within_its_lease_a_worker_is_heard"}


def test_another_word_after_the_end_may_be_refused() -> None:
    story, hold = done()
    story.say(hold, 4, 409, "not_running", extend=10)
    assert story.findings() == []


def test_a_late_update_is_refused() -> None:
    story = created(attempt=1, status="running")
    hold = story.claim(2, 1)
    story.say(hold, 14, 409, "lease_expired", status="succeeded", result="late")
    assert story.findings() == []


def test_a_late_update_that_is_accepted() -> None:
    story = created(attempt=1)
    hold = story.claim(2, 1)
    story.say(hold, 14, status="succeeded", result="late")
    story.row("succeeded", 1, result="late")
    assert story.broken() == {"after_its_lease_a_worker_is_refused"}


# Results


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ({"status": "succeeded", "result": "fine"}, "running"),
        ({"status": "failed", "error": "bad"}, "queued"),
        ({"status": "queued"}, "running"),
    ],
)
def test_an_accepted_end_that_is_not_applied(said: dict[str, object], rows: str) -> None:
    story = created(attempt=1, status=rows)
    story.say(story.claim(2, 1), 3, **said)
    assert "an_accepted_end_is_applied" in story.broken()


def test_an_accepted_end_before_a_cancel() -> None:
    story = created(attempt=1, status="cancelled")
    story.say(story.claim(2, 1), 3, status="succeeded", result="fine")
    story.order(3.5, status="cancelled")
    assert story.findings() == []


def test_an_end_without_an_answer_may_have_been_applied_or_not() -> None:
    for status in ("succeeded", "running"):
        story = created(attempt=1)
        story.say(story.claim(2, 1), 3, 503, "unavailable", status="succeeded", result="fine")
        story.row(status, 1, result="fine" if status == "succeeded" else None)
        assert story.findings() == []


def test_a_failure_that_is_applied() -> None:
    story = created(attempt=1, status="scheduled")
    story.say(story.claim(2, 1), 3, status="failed", error={"by": "w"})
    story.end(1, "failed", 3, {"by": "w"})
    assert story.findings() == []


def test_a_result_of_another_attempt() -> None:
    story = created(attempt=2)
    first = story.claim(2, 1, lease=1)
    story.end(1, "expired", 14)
    story.say(first, 15, 503, "unavailable", status="succeeded", result="of the first")
    story.claim(20, 2)
    story.row("succeeded", 2, result="of the first")
    assert story.broken() == {"a_result_is_its_holders"}


def test_a_result_that_was_refused_each_time() -> None:
    story = created(attempt=1)
    hold = story.claim(2, 1)
    story.say(hold, 14, 409, "lease_expired", status="succeeded", result="late")
    story.row("succeeded", 1, result="late")
    assert story.broken() == {"a_result_is_its_holders"}


def test_two_results() -> None:
    story, _ = done()
    story.read(5, **job("succeeded", result="another"))
    assert story.broken() == {"a_job_has_one_result"}


def test_a_success_that_is_undone() -> None:
    story, _ = done()
    story.read(5, **job("succeeded", result="fine"))
    story.claim(8, 2)
    story.row("running", 2)
    assert story.broken() >= {"a_job_has_one_result", "a_finished_job_is_not_handed_out"}


# States


def test_a_cancelled_job_that_nobody_cancelled() -> None:
    assert created(status="cancelled").broken() == {"a_state_has_its_cause"}


@pytest.mark.parametrize(("failures", "broken"), [(5, set()), (2, {"a_state_has_its_cause"})])
def test_a_job_fails_when_it_is_out_of_tries(failures: int, broken: set[str]) -> None:
    story = created()
    story.row("failed", 0, failures=failures)
    assert story.broken() == broken


def test_a_job_fails_when_its_worker_says_that_no_other_try_is_of_use() -> None:
    story = created()
    story.say(story.claim(2, 1), 3, status="failed", error="bad", retry=False)
    story.end(1, "failed", 3, "bad")
    story.row("failed", 1, failures=1)
    assert story.findings() == []


def test_an_attempt_without_an_end() -> None:
    assert created(attempt=2, status="running").broken() == {"every_attempt_has_an_end"}


@pytest.mark.parametrize(
    "order", [{"status": "cancelled"}, {"silenced": True}, {"priority": 1}], ids=str
)
def test_an_order_that_is_forgotten(order: dict[str, object]) -> None:
    story = created()
    story.order(2, **order)
    assert story.broken() == {"an_order_is_kept"}


def test_an_order_that_another_undid() -> None:
    story = created()
    story.order(2, status="cancelled")
    story.order(3, silenced=True)
    story.order(4, status="queued")
    story.order(5, priority=1)
    story.order(6, priority=5)
    assert story.findings() == []


@pytest.mark.parametrize(
    "step",
    [
        ("succeeded", "queued", 1, 1),
        ("running", "running", 1, 1),
        ("queued", "running", 1, 1),
        ("running", "queued", 2, 1),
    ],
    ids=str,
)
def test_a_step_that_the_life_cycle_does_not_have(step: tuple[str, str, int, int]) -> None:
    story = created()
    story.step(*step)
    assert story.broken() == {"every_step_is_allowed"}


@pytest.mark.parametrize("status", ["succeeded", "failed", "scheduled", "queued"])
def test_a_claim_that_is_applied_together_with_its_end(status: str) -> None:
    story = created()
    story.step("queued", status, 0, 1)
    assert story.findings() == []


# Answers


def test_a_request_that_took_too_long() -> None:
    story, _ = done()
    story.call("look", 5, "/v1/jobs", 200, {}, took=3.2)
    assert story.broken() == {"a_request_is_answered_in_time"}


def test_what_a_request_asked_to_wait_is_its_own() -> None:
    story, _ = done()
    story.call("look", 5, "/v1/jobs", 200, {}, took=4.9, wait=2.0)
    assert story.findings() == []


def test_a_frozen_api_and_a_machine_that_stood_still_are_not_meant() -> None:
    story, _ = done()
    story.faults.append(Inflicted(Fault(5, "freeze", "api.0", 5), 5, 10))
    story.call("look", 4, "/v1/jobs", 200, {}, took=6.5)
    story.stalls.append(Stall(21, 1.0))
    story.call("look", 20, "/v1/jobs", 200, {}, took=3.5)
    assert story.findings() == []


@pytest.mark.parametrize("status", [500, 422, 401])
def test_an_answer_that_has_no_reason(status: int) -> None:
    story, _ = done()
    story.call("look", 5, "/v1/jobs", status, {"code": "internal"})
    assert story.broken() == {"an_answer_has_its_form"}


def test_an_accepted_job_that_a_reader_is_told_does_not_exist() -> None:
    story, _ = done()
    story.read(0.5, 404)
    assert story.findings() == []
    story.read(1.5, 404)
    assert story.broken() == {"an_accepted_job_is_known"}


def test_reads_that_go_back() -> None:
    story = created(attempt=2, status="running")
    story.end(1, "expired", 2)
    story.read(5, **job("running", attempt=2))
    story.read(6, **job("queued", attempt=1))
    assert story.broken() == {"what_is_read_goes_forward"}


def test_what_the_hopper_remembers_may_be_old() -> None:
    story = created(attempt=2, status="running")
    story.end(1, "expired", 2)
    story.read(5, **job("running", attempt=2))
    story.read(6, **job("queued", attempt=1), stale=True)
    assert "what_is_read_goes_forward" not in story.broken()


# Aftermath


@pytest.mark.parametrize(
    ("aftermath", "rule"),
    [
        (Aftermath(unapplied=True), "everything_comes_back"),
        (Aftermath(lost=["api.0"]), "everything_comes_back"),
        (
            Aftermath(hopper=[f"chaos.a: {JOB} is queued and not in the hopper"]),
            "the_hopper_equals_mysql",
        ),
        (Aftermath(messages={"jobhopper.creates.0": 2}), "rabbitmq_is_empty"),
        (Aftermath(dead=["{}: body"]), "rabbitmq_is_empty"),
        (Aftermath(logged=["api.0: loop_failed"]), "no_process_has_a_fault_of_its_own"),
        (Aftermath(left=1), "nothing_is_stuck"),
    ],
)
def test_what_is_left_when_all_is_quiet(aftermath: Aftermath, rule: str) -> None:
    story = created()
    story.aftermath = aftermath
    assert story.broken() == {rule}


def test_counters_that_went_astray() -> None:
    story = created()
    story.kept = {("chaos.a", "queued"): 2}
    assert story.broken() == {"counters_equal_the_table"}


def test_a_finding_tells_the_whole_history() -> None:
    story, hold = done()
    story.say(hold, 4, 409, "not_running", status="succeeded", result="fine")
    story.step("queued", "running", 0, 1)
    lines = "\n".join(story.evidence().history(story.findings()[0].job))
    for word in ("create", "claim", "update", "409", "in MySQL", "at the end", "succeeded"):
        assert word in lines


def job(status: str, **more: object) -> dict[str, object]:
    """A job as a reader is told of it."""
    return {"attempt": 1, "status": status, **more}
