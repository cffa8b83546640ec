"""What a run was and what it found, as text."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from chaos.call import NO_ANSWER
from chaos.evidence import Evidence, Finding
from chaos.run import Plan

# Of each rule so many are told with their history; the others would say the same.
_TOLD = 5


def report(plan: Plan, evidence: Evidence, findings: Sequence[Finding]) -> str:
    """Seed, schedule as it was, counts, and each finding with the whole history of its job."""
    return "\n".join(
        [
            f"Seed {plan.seed}, {plan.seconds:.0f} s, {plan.pace.jobs:g} jobs/s",
            "",
            "Faults, as they were (began, healed)",
            *_faults(evidence),
            "",
            "Counts",
            *_counts(evidence),
            "",
            *_findings(evidence, findings),
        ]
    )


def _faults(evidence: Evidence) -> list[str]:
    return [
        f"{one.began:7.1f} - {one.healed:6.1f} s  {one.fault.verb:<10}  {one.fault.target}"
        for one in sorted(evidence.faults, key=lambda one: one.began)
    ]


def _counts(evidence: Evidence) -> list[str]:
    jobs = evidence.jobs.values()
    statuses = Counter(row.status for row in evidence.final.rows.values())
    outcomes = Counter(end.outcome for end in evidence.final.ends.values())
    claims = [claim for job in jobs for claim in job.claims]
    updates = [update for claim in claims for update in claim.updates]
    stalls = [stall.seconds for stall in evidence.stalls]
    lines = {
        "jobs accepted": sum(job.accepted for job in jobs),
        "jobs in MySQL": f"{len(evidence.final.rows):,}: {_listed(statuses)}",
        "claims handed out": len(claims),
        "of them provisional": sum(one.provisional for one in claims),
        "attempts ended": _listed(outcomes),
        "updates accepted": sum(update.accepted for update in updates),
        "updates refused": _listed(Counter(one.code for one in updates if one.refused)),
        "changes in the trail": sum(map(len, evidence.final.trail.values())),
        "stalls of the machine": f"{len(stalls)}, longest {max(stalls, default=0):.2f} s",
    }
    table = [f"  {name:<22} {_number(value)}" for name, value in lines.items()]
    return [*table, *_answers(evidence)]


def _answers(evidence: Evidence) -> list[str]:
    calls = sorted((call for call in evidence.calls if call.alone), key=lambda call: call.kind)
    lines = []
    for kind, group in groupby(calls, key=lambda call: call.kind):
        told = Counter(_named(call.status) for call in group)
        lines.append(f"  calls: {kind:<15} {_listed(told)}")
    return lines


def _named(status: int) -> str:
    return "no answer" if status == NO_ANSWER else str(status)


def _findings(evidence: Evidence, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return ["No promise was broken."]
    lines = [f"BROKEN: {len(findings)} findings"]
    lines += [f"  {rule:<42} {n}" for rule, n in Counter(one.rule for one in findings).items()]
    for _, group in groupby(findings, key=lambda one: one.rule):
        for one in list(group)[:_TOLD]:
            lines += ["", f"{one.rule}: {one.job or '-'} {one.what}"]
            lines += [f"    {line}" for line in evidence.history(one.job)] if one.job else []
    return lines


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.most_common()) or "none"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
