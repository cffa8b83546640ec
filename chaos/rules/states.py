"""A job's state at the end is one that its history allows, and so was each step on the way."""

from collections.abc import Iterator

from chaos.call import Call
from chaos.evidence import Evidence, Finding
from chaos.final import Row
from chaos.history import Job
from chaos.trail import Change
from jobhopper_core.model.states import TRANSITIONS

_MOVES = {(before.value, after.value) for (_, before), after in TRANSITIONS.items()}


def a_state_has_its_cause(evidence: Evidence) -> Iterator[Finding]:
    """What is cancelled was cancelled by an operator; what failed was out of tries, or said so."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        if row is None:
            continue
        if row.status == "cancelled" and not job.cancels():
            yield Finding("a_state_has_its_cause", job.id, "is cancelled, which nobody asked for")
        if row.status == "failed" and row.failures < row.max_attempts and not _gave_up(job, row):
            what = f"failed with {row.failures} failures of {row.max_attempts}"
            yield Finding("a_state_has_its_cause", job.id, what)


def _gave_up(job: Job, row: Row) -> bool:
    endings = [
        ending for claim in job.claims if claim.attempt == row.attempt for ending in claim.endings
    ]
    return any(ending.sent.get("retry") is False for ending in endings)


def every_attempt_has_an_end(evidence: Evidence) -> Iterator[Finding]:
    """An attempt before the last failed, expired, was released, or was cancelled."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        for attempt in range(1, row.attempt if row else 0):
            if (job.id, attempt) not in evidence.final.ends and not job.cancels():
                what = f"attempt {attempt} has no end, and there was another"
                yield Finding("every_attempt_has_an_end", job.id, what)


def an_order_is_kept(evidence: Evidence) -> Iterator[Finding]:
    """What an operator was answered is so at the end, unless another order came after it."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        if row is None:
            continue
        if row.status != "cancelled" and _stands(
            job, ("status", "cancelled"), [("status", "queued")]
        ):
            yield Finding("an_order_is_kept", job.id, f"was cancelled and is {row.status}")
        woken = [("silenced", False), ("status", "queued")]
        # Whoever was handed it while nobody could know of the order is not kept from it.
        handed = any(claim.provisional for claim in job.claims)
        if not (row.silenced or handed) and _stands(job, ("silenced", True), woken):
            yield Finding("an_order_is_kept", job.id, "was silenced and is not")
        others = [("priority", number) for number in range(10) if number != row.priority]
        for other in others:
            if _stands(job, other, [("priority", number) for number in range(10)]):
                what = f"was given priority {other[1]} and has {row.priority}"
                yield Finding("an_order_is_kept", job.id, what)


def _stands(job: Job, order: tuple[str, object], undone_by: list[tuple[str, object]]) -> bool:
    """Whether `order` was accepted, and nothing that undoes it may have come later."""
    given = [one for one in job.orders if one.accepted and _says(one, order)]
    if not given:
        return False
    last = max(given, key=lambda one: one.ended)
    undoing = [one for one in job.orders if one is not last and not one.refused]
    return not any(
        _says(one, other) and (one.ended > last.began or not one.accepted)
        for one in undoing
        for other in undone_by
    )


def _says(call: Call, order: tuple[str, object]) -> bool:
    name, value = order
    return bool(name in call.sent and call.sent[name] == value)


def every_step_is_allowed(evidence: Evidence) -> Iterator[Finding]:
    """In MySQL each change is a move of the life cycle, and only a claim raises the attempt."""
    for id_, changes in evidence.final.trail.items():
        for change in changes:
            if wrong := _wrong(change):
                yield Finding("every_step_is_allowed", id_, wrong)


def _wrong(change: Change) -> str:
    move = change.status_before, change.status
    if move == ("running", "running"):
        return f"was claimed while attempt {change.attempt_before} ran"
    if move[0] == "queued" and change.attempt == change.attempt_before + 1:
        # A claim of the outage mode may be applied together with what its worker said.
        move = "running", move[1]
    elif change.attempt != change.attempt_before or move == ("queued", "running"):
        return f"went from attempt {change.attempt_before} to {change.attempt}"
    if move[0] != move[1] and move not in _MOVES:
        return f"went from {move[0]} to {move[1]}"
    return ""


RULES = (
    a_state_has_its_cause,
    every_attempt_has_an_end,
    an_order_is_kept,
    every_step_is_allowed,
)
