"""What claims promise: attempts rise, and while a lease lasts nobody else is handed the job.

A provisional claim, of the outage mode, stands in Redis alone until MySQL is back. Should Redis be
hurt too, its job may be handed out again; of its holders one at most has the result that counts,
which the rules of results see to.
"""

from collections.abc import Iterator
from itertools import combinations

from chaos.call import Call
from chaos.evidence import Evidence, Finding
from chaos.history import Claim, Job, content

# The APIs go by MySQL's clock as they last measured it.
CLOCK_SECONDS = 1.0


def attempts_rise(evidence: Evidence) -> Iterator[Finding]:
    """A later hand-out has a higher attempt; none is given out twice."""
    for job in evidence.jobs.values():
        for one, other in combinations(job.claims, 2):
            if may_be_forgotten(evidence, one, other):
                continue
            follows = one.call.ended <= other.call.began
            if one.attempt == other.attempt or (follows and other.attempt < one.attempt):
                what = f"attempt {one.attempt} was followed by attempt {other.attempt}"
                yield Finding("attempts_rise", job.id, what)


def a_claim_is_in_mysql(evidence: Evidence) -> Iterator[Finding]:
    """The row's attempt is no lower than any that was handed out."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        for claim in job.claims if row else ():
            assert row is not None  # noqa: S101 # the line above says so
            given_up = claim.provisional and job.cancels()
            if claim.attempt > row.attempt and not given_up:
                what = f"attempt {claim.attempt} was handed out, the row says {row.attempt}"
                yield Finding("a_claim_is_in_mysql", job.id, what)


def a_lease_keeps_others_out(evidence: Evidence) -> Iterator[Finding]:
    """Until a lease ends nobody else is handed the job, unless its claim was ended.

    Its holder may have done so, or an operator by a cancel.
    """
    for job in evidence.jobs.values():
        in_turn = sorted(job.claims, key=lambda claim: claim.attempt)
        for one, other in combinations(in_turn, 2):
            if may_be_forgotten(evidence, one, other):
                continue
            if _is_early(job, one, other):
                end = one.lease_end(other.call.ended) - other.call.ended
                what = f"attempt {other.attempt} was handed out {end:.3f} s before the end of the "
                yield Finding("a_lease_keeps_others_out", job.id, f"{what}lease of {one.attempt}")


def may_be_forgotten(evidence: Evidence, one: Claim, other: Claim) -> bool:
    """Whether one of the claims is provisional, and Redis was hurt before the later of them."""
    if not (one.provisional or other.provisional):
        return False
    calls = (one.call, other.call)
    since = min(call.began for call in calls) - evidence.start
    until = max(call.ended for call in calls) - evidence.start
    return any(
        hurt.fault.target == "valkey" and hurt.began <= until and hurt.healed >= since
        for hurt in evidence.faults
    )


def _is_early(job: Job, one: Claim, other: Claim) -> bool:
    handed = other.call.ended
    if one.call.began > handed or handed >= one.lease_end(handed) or one.may_have_ended_by(handed):
        return False
    return not job.cancels(one.call.began, handed)


def a_claim_ends_by_its_holder_or_its_lease(evidence: Evidence) -> Iterator[Finding]:
    """An attempt that failed or was released was so by its worker, and none expires early."""
    for job in evidence.jobs.values():
        for attempt in {claim.attempt for claim in job.claims}:
            claims = [claim for claim in job.claims if claim.attempt == attempt]
            end = evidence.final.ends.get((job.id, attempt))
            if end is None or any(claim.provisional for claim in claims):
                continue
            until = max(claim.lease_end() for claim in claims)
            if end.outcome == "expired" and end.at < until:
                what = f"attempt {attempt} expired {until - end.at:.3f} s before its lease's end"
                yield Finding("a_claim_ends_by_its_holder_or_its_lease", job.id, what)
            said = {update.sent["status"] for claim in claims for update in claim.endings}
            if _SAID.get(end.outcome, "queued") not in said and end.outcome != "expired":
                what = f"attempt {attempt} was {end.outcome}, which its worker did not say"
                yield Finding("a_claim_ends_by_its_holder_or_its_lease", job.id, what)


_SAID = {"failed": "failed", "released": "queued"}


def within_its_lease_a_worker_is_heard(evidence: Evidence) -> Iterator[Finding]:
    """A worker whose lease lasts is not refused, unless it or an operator ended the claim."""
    for job in evidence.jobs.values():
        for claim in job.claims:
            for update in claim.updates:
                if claim.provisional or update.status != 409:
                    continue
                if update.code == "lease_expired":
                    early = update.ended < update.sent["until"] - CLOCK_SECONDS
                else:
                    early = update.ended < update.sent["until"] and not _was_ended(
                        job, claim, update
                    )
                if early:
                    what = f"attempt {claim.attempt} was refused with {update.code} in its lease"
                    yield Finding("within_its_lease_a_worker_is_heard", job.id, what)


def _was_ended(job: Job, claim: Claim, update: Call) -> bool:
    """Whether something else than `update` and its repeats may have ended the claim before."""
    said = [one for one in claim.endings if one.began < update.began]
    if any(content(one) != content(update) for one in said):
        return True
    return bool(job.cancels(claim.call.began, update.ended))


def after_its_lease_a_worker_is_refused(evidence: Evidence) -> Iterator[Finding]:
    """An update that was sent after its token's end is not accepted."""
    for job in evidence.jobs.values():
        for claim in job.claims:
            for update in claim.updates:
                late = update.began - update.sent["until"]
                if update.accepted and late > CLOCK_SECONDS:
                    what = f"attempt {claim.attempt} was accepted {late:.3f} s after its lease"
                    yield Finding("after_its_lease_a_worker_is_refused", job.id, what)


RULES = (
    attempts_rise,
    a_claim_is_in_mysql,
    a_lease_keeps_others_out,
    a_claim_ends_by_its_holder_or_its_lease,
    within_its_lease_a_worker_is_heard,
    after_its_lease_a_worker_is_refused,
)
