"""The demo's accounts find every job that is lost, doubled, or ended in another way."""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from jobhopper import Attempt, Job
from jobhopper.demo import library, plan
from jobhopper.demo.accounts import Accounts, check
from jobhopper.demo.faults import NotAccountedForError
from jobhopper.times import to_time

NOON = "2026-11-24T12:00:00.000000Z"
KILLED = "worker-1"


def _job(id_: str, kind: str, status: str = "succeeded", **fields: Any) -> Job:
    made = Job.from_wire(
        {
            "id": id_,
            "type": kind,
            "status": status,
            "worker": "worker-2",
            "max_attempts": 2,
            "payload": {"file": f"{id_}.py"},
            "result": {"file": f"{id_}.py", "lines": 10, "compile_ms": 1.0},
            "created_at": NOON,
            "finished_at": NOON,
        }
    )
    return replace(made, **fields)


def _attempt(outcome: str, worker: str) -> Attempt:
    return Attempt(1, outcome, None, worker, None, to_time(NOON))


FAILED = _attempt("failed", "worker-2")
GOOD = [
    _job("plain", plan.MEASURE),
    _job("flaky", plan.FLAKY, attempts=[FAILED], attempt=2),
    _job("missing", plan.MISSING, "failed", attempts=[FAILED, FAILED], failures=2),
    _job("slow", plan.SLOW, attempts=[_attempt("expired", KILLED)], attempt=2),
]
DEPTH = {"succeeded": 3, "failed": 1, "queued": 0, "running": 0}
IDS = [job.id for job in GOOD]


def _fault(jobs: list[Job], depth: dict[str, int] | None = None) -> str:
    with pytest.raises(NotAccountedForError) as caught:
        check(Accounts(jobs, KILLED), IDS, "slow", depth or DEPTH)
    return str(caught.value)


def _with(changed: Job) -> list[Job]:
    return [changed if job.id == changed.id else job for job in GOOD]


def test_good_accounts_are_counted() -> None:
    accounts = Accounts(GOOD, KILLED)
    check(accounts, IDS, "slow", DEPTH)
    assert [job.id for job in accounts.done] == ["plain", "flaky", "slow"]
    assert [job.id for job in accounts.failed] == ["missing"]
    assert [job.id for job in accounts.retried] == ["flaky"]
    assert [job.id for job in accounts.taken_over] == ["slow"]
    assert accounts.lines == 30


def test_a_claim_that_was_given_back_is_no_try() -> None:
    given_back = [_attempt("released", KILLED), FAILED, FAILED]
    check(Accounts(_with(replace(GOOD[2], attempts=given_back)), KILLED), IDS, "slow", DEPTH)


def test_a_lost_job() -> None:
    assert "1 missing (plain)" in _fault(GOOD[1:])


def test_a_job_from_nowhere() -> None:
    assert "1 not created here (other)" in _fault([*GOOD, _job("other", plan.MEASURE)])


def test_a_job_listed_twice() -> None:
    assert "a job is listed twice" in _fault([*GOOD, GOOD[0]])


@pytest.mark.parametrize("status", ["queued", "scheduled", "running", "accepted"])
def test_a_job_without_an_end(status: str) -> None:
    assert "1 not finished (plain)" in _fault(_with(replace(GOOD[0], status=status)))


@pytest.mark.parametrize(
    "changed",
    [
        replace(GOOD[0], status="cancelled"),
        replace(GOOD[0], status="failed"),
        replace(GOOD[0], result={"file": "another.py"}),
        replace(GOOD[1], attempts=[]),
        replace(GOOD[2], status="succeeded"),
        replace(GOOD[2], attempts=[FAILED], failures=1),
    ],
)
def test_a_job_that_ended_in_another_way(changed: Job) -> None:
    assert f"1 not as planned ({changed.id})" in _fault(_with(changed))


@pytest.mark.parametrize(
    "changed",
    [
        replace(GOOD[3], attempts=[]),
        replace(GOOD[3], attempts=[_attempt("released", KILLED)]),
        replace(GOOD[3], attempts=[_attempt("expired", "worker-2")]),
        replace(GOOD[3], worker=KILLED),
    ],
)
def test_a_job_that_was_not_taken_over(changed: Job) -> None:
    assert "slow was not taken over" in _fault(_with(changed))


def test_a_depth_that_does_not_match_the_list() -> None:
    assert "the queue counts 1 queued, the list 0" in _fault(GOOD, DEPTH | {"queued": 1})


def test_the_plan_has_a_job_for_every_module() -> None:
    files = library.files()
    assert len(files) > 500
    assert "json/decoder.py" in files
    assert not any(
        part in {"test", "site-packages"} for f in files for part in PurePosixPath(f).parts
    )
    jobs = plan.jobs("demo", files)
    assert [job.payload["file"] for job in jobs if job.type != plan.MISSING] == files
    kinds = [job.type for job in jobs]
    assert kinds.count(plan.SLOW) == 1
    assert kinds.count(plan.MISSING) == 5
    assert 1 / 45 < kinds.count(plan.FLAKY) / len(files) < 1 / 35


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("json/decoder.py", "json.decoder"),
        ("json/__init__.py", "json"),
        ("ast.py", "ast"),
    ],
)
def test_module_names(file: str, name: str) -> None:
    assert library.module_name(file) == name
