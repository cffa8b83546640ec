"""Draws a run: what went through, how long it took, and when what was done to which part."""

from pathlib import Path

from chaos.evidence import Evidence
from chaos.run import Plan


def draw(plan: Plan, evidence: Evidence, path: Path) -> None:
    """A PNG."""
