"""What updates promise: an accepted one is applied, and a job has one result, its holder's."""

import json
from collections.abc import Iterator, Sequence

from chaos.call import Call
from chaos.evidence import Evidence, Finding
from chaos.final import End, Row
from chaos.history import Claim
from chaos.rules.claims import may_be_forgotten


def an_accepted_end_is_applied(evidence: Evidence) -> Iterator[Finding]:
    """An attempt whose end was accepted ended so, unless an operator cancelled the job.

    Where a worker said several things that end its attempt, any of them may have been the first.
    Of several holders of an attempt that was given out again, as a provisional one may be, one
    counts, and it may be another.
    """
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        for claim in job.claims if row else ():
            assert row is not None  # noqa: S101 # the line above says so
            accepted = [update for update in claim.endings if update.accepted]
            if not accepted or job.cancels(claim.call.began):
                continue
            others = [one for one in job.claims if one.attempt == claim.attempt]
            shared = any(
                may_be_forgotten(evidence, claim, one) for one in others if one is not claim
            )
            if not shared and not _is_applied(row, claim, evidence.final.ends):
                said = accepted[0].sent["status"]
                what = f"attempt {claim.attempt} was accepted as {said}, which was not applied"
                yield Finding("an_accepted_end_is_applied", job.id, what)


def _endings(claims: Sequence[Claim]) -> list[Call]:
    return [update for claim in claims for update in claim.endings]


def _is_applied(row: Row, claim: Claim, ends: dict[tuple[str, int], End]) -> bool:
    endings = claim.endings
    results = [update.sent["result"] for update in endings if "result" in update.sent]
    if row.status == "succeeded" and row.attempt == claim.attempt:
        return _json(row.result) in results
    end = ends.get((claim.job, claim.attempt))
    if end is None:
        return False
    if end.outcome == "failed":
        return _json(end.error) in [update.sent.get("error") for update in endings]
    return end.outcome == "released" and "queued" in [update.sent["status"] for update in endings]


def a_result_is_its_holders(evidence: Evidence) -> Iterator[Finding]:
    """A stored result was sent by a worker with a lease of the attempt that won."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        if row is None or row.status != "succeeded":
            continue
        holders = [claim for claim in job.claims if claim.attempt == row.attempt]
        if _json(row.result) not in [update.sent.get("result") for update in _endings(holders)]:
            what = f"holds {row.result}, which no holder of attempt {row.attempt} was let to say"
            yield Finding("a_result_is_its_holders", job.id, what)


def a_job_has_one_result(evidence: Evidence) -> Iterator[Finding]:
    """All that was read, or answered by MySQL itself, names the result that is there at the end."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        if row is None:
            continue
        seen = {json.dumps(result) for result in _results_seen(evidence, job.id)}
        if row.status == "succeeded":
            seen.add(json.dumps(_json(row.result)))
            if len(seen) > 1:
                yield Finding("a_job_has_one_result", job.id, f"had the results {sorted(seen)}")
        elif seen:
            what = f"had the result {sorted(seen)} and is {row.status}"
            yield Finding("a_job_has_one_result", job.id, what)


def _results_seen(evidence: Evidence, job_id: str) -> Iterator[object]:
    job = evidence.jobs[job_id]
    for call in (*job.reads, *job.orders):
        if call.status == 200 and call.answer.get("status") == "succeeded":
            yield call.answer.get("result")
    for update in _endings(job.claims):
        applied = update.status == 200 and update.answer.get("receipt") == "mysql"
        if applied and update.sent["status"] == "succeeded":
            yield update.sent["result"]


def a_finished_job_is_not_handed_out(evidence: Evidence) -> Iterator[Finding]:
    """Once somebody was told that a job succeeded, no claim gives it out."""
    for job in evidence.jobs.values():
        told = [
            call.ended
            for call in (*job.reads, *job.orders)
            if call.status == 200 and call.answer.get("status") == "succeeded"
        ]
        for claim in job.claims:
            if told and claim.call.began > min(told) and not claim.provisional:
                what = f"attempt {claim.attempt} was handed out after the job had succeeded"
                yield Finding("a_finished_job_is_not_handed_out", job.id, what)


def _json(text: str | None) -> object:
    return None if text is None else json.loads(text)


RULES = (
    an_accepted_end_is_applied,
    a_result_is_its_holders,
    a_job_has_one_result,
    a_finished_job_is_not_handed_out,
)
