"""Three minutes of chaos: every kind of fault, under load, and no promise broken."""

import os
import sys

import pytest

from chaos.check import check
from chaos.fault import PROCESS_FAULTS, STORE_FAULTS
from chaos.report import report
from chaos.run import Plan, run
from chaos.schedule import schedule
from stack.containers.container import Container

_SECONDS = 180.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_minutes_of_faults_break_no_promise(containers: dict[str, Container]) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "6"))
    plan = Plan(seed, _SECONDS, schedule(seed, _SECONDS))
    evidence = run(plan, print, containers)
    findings = check(evidence)
    sys.stdout.write(report(plan, evidence, findings))
    assert findings == []
    assert {one.fault.kind for one in evidence.faults} == {*STORE_FAULTS, *PROCESS_FAULTS}
    assert sum(row.status == "succeeded" for row in evidence.final.rows.values()) > 1_000
