"""The life cycle: one table in `states.py`, one in `docs/architecture.md`, and they agree."""

import re
from itertools import product
from pathlib import Path

import pytest

from jobhopper_core.model import states
from jobhopper_core.model.states import FINAL, STATUSES, TRANSITIONS, Move, Status

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|", re.MULTILINE)


def documented() -> list[tuple[str, str, str]]:
    section = PAGE.read_text().split("\n## Life cycle\n")[1].split("\n## ")[0]
    return ROW.findall(section)


def test_the_page_names_every_move_that_the_code_allows() -> None:
    allowed = {
        (move.value, before.value, after.value) for (move, before), after in TRANSITIONS.items()
    }
    assert allowed - set(documented()) == set()


def test_the_code_allows_every_move_that_the_page_names() -> None:
    found = documented()
    moves = [(states.target(Move(move), Status(before)), after) for move, before, after in found]
    assert [allowed for allowed, _ in moves] == [after for _, after in moves]
    assert len(found) == len(set(found)) == len(TRANSITIONS)


def test_every_status_and_every_move_has_a_part_in_the_life_cycle() -> None:
    assert {move for move, _ in TRANSITIONS} == set(Move)
    assert {before for _, before in TRANSITIONS} | set(TRANSITIONS.values()) == set(STATUSES)


@pytest.mark.parametrize(("move", "before"), list(product(Move, Status)))
def test_a_move_that_is_not_on_the_page_leads_nowhere(move: Move, before: Status) -> None:
    named = {(move, before): after for move, before, after in documented()}
    assert states.target(move, before) == named.get((move.value, before.value))


def test_only_a_redrive_leads_out_of_a_final_status_and_none_out_of_success() -> None:
    ways_out = {(move, before) for move, before in TRANSITIONS if before in FINAL}
    assert ways_out == {(Move.REDRIVE, Status.FAILED), (Move.REDRIVE, Status.CANCELLED)}


def test_only_a_claim_leads_to_running_and_only_from_queued() -> None:
    ways_in = {pair for pair, after in TRANSITIONS.items() if after is Status.RUNNING}
    assert ways_in == {(Move.CLAIM, Status.QUEUED)}


@pytest.mark.parametrize(
    ("run_at", "status"),
    [(None, Status.QUEUED), (999, Status.QUEUED), (1000, Status.QUEUED), (1001, Status.SCHEDULED)],
)
def test_a_new_job_is_scheduled_only_when_it_is_due_later(
    run_at: int | None, status: Status
) -> None:
    assert states.initial(run_at, now=1000) is status
