"""Holds the evidence of a run against every promise."""

from chaos.evidence import Evidence, Finding
from chaos.rules import Rule, aftermath, answers, claims, creates, results, states

RULES: tuple[Rule, ...] = (
    *creates.RULES,
    *claims.RULES,
    *results.RULES,
    *states.RULES,
    *answers.RULES,
    *aftermath.RULES,
)


def check(evidence: Evidence) -> list[Finding]:
    """Every breach of a promise, by rule."""
    return [finding for rule in RULES for finding in rule(evidence)]
