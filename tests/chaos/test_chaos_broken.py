"""Builds that break a promise are caught by the checker, and the sound one is not.

Each is made by a small patch that its processes load at their start (`broken/`), and runs under
load with the fault that lets the breach show.
"""

import sys
from pathlib import Path

import pytest

from chaos.board import Pace
from chaos.check import check
from chaos.evidence import Finding
from chaos.fault import Fault
from chaos.report import report
from chaos.run import Plan, run
from stack.containers.container import Container

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

_BROKEN = Path(__file__).parent / "broken"
_DEATH = "consumers die while MySQL stands still"
_DELAY = "consumers stand still"
_NO_REDIS = "Redis dies"
_SECOND_WORDS = "slow workers give jobs back and still finish them"
_RUNS: dict[str, tuple[float, tuple[Fault, ...]]] = {
    _DEATH: (
        16.0,
        (
            Fault(5, "freeze", "mysql", 4),
            Fault(7, "kill", "consumer.0", 3),
            Fault(7, "kill", "consumer.1", 3),
        ),
    ),
    _DELAY: (
        22.0,
        (Fault(6, "freeze", "consumer.0", 11), Fault(6, "freeze", "consumer.1", 11)),
    ),
    _NO_REDIS: (18.0, (Fault(4, "kill", "valkey", 8),)),
    _SECOND_WORDS: (40.0, ()),
}
# Who gets back what another gave back must still hold it when the second word comes.
_PACES = {_SECOND_WORDS: Pace(quick=0, slow=12)}


@pytest.mark.parametrize(
    ("build", "faults", "rules"),
    [
        (
            "acks-before-commit",
            _DEATH,
            {"accepted_is_there"},
        ),
        (
            "expires-without-ticks",
            _DELAY,
            {"a_lease_keeps_others_out", "a_claim_ends_by_its_holder_or_its_lease"},
        ),
        ("claims-unchecked", _NO_REDIS, {"attempts_rise", "a_lease_keeps_others_out"}),
        ("updates-unfenced", _SECOND_WORDS, {"a_result_is_its_holders"}),
    ],
    ids=["acks before commit", "expires without ticks", "claims unchecked", "updates unfenced"],
)
def test_a_broken_build_is_caught(
    build: str, faults: str, rules: set[str], containers: dict[str, Container]
) -> None:
    environment = {"PYTHONPATH": str(_BROKEN / build)}
    found = {finding.rule for finding in findings(faults, containers, environment)}
    assert found >= rules


@pytest.mark.parametrize("faults", _RUNS)
def test_the_sound_build_is_not(faults: str, containers: dict[str, Container]) -> None:
    assert findings(faults, containers, {}) == []


def findings(
    faults: str, containers: dict[str, Container], environment: dict[str, str]
) -> list[Finding]:
    """What the checker finds in a run; its report is printed, for who reads the failure."""
    seconds, schedule = _RUNS[faults]
    pace = _PACES.get(faults, Pace())
    plan = Plan(1, seconds, schedule, pace, environment, drain_seconds=0)
    evidence = run(plan, print, containers)
    found = check(evidence)
    sys.stdout.write(report(plan, evidence, found))
    return found
