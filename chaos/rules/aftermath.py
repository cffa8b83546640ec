"""What has to be so once nothing is on its way any more."""

from collections.abc import Iterator

from chaos.evidence import Evidence, Finding


def everything_comes_back(evidence: Evidence) -> Iterator[Finding]:
    """Each process and store serves again, and what was sent has been applied."""
    for lost in evidence.aftermath.lost:
        yield Finding("everything_comes_back", "", lost)
    if evidence.aftermath.unapplied:
        yield Finding("everything_comes_back", "", "a lane applied no tick of now")


def the_hopper_equals_mysql(evidence: Evidence) -> Iterator[Finding]:
    """Every queued job below the horizon is in the hopper, at its place.

    Nothing else is, once the refills have dropped what became stale while Redis was away.
    """
    for difference in evidence.aftermath.hopper:
        yield Finding("the_hopper_equals_mysql", _job_in(evidence, difference), difference)


def _job_in(evidence: Evidence, text: str) -> str:
    return next((word for word in text.split() if word in evidence.final.rows), "")


def counters_equal_the_table(evidence: Evidence) -> Iterator[Finding]:
    """The counters say what counting the table says."""
    counted, kept = evidence.final.counted, evidence.final.kept
    for queue, status in sorted(counted.keys() | kept.keys()):
        pair = counted.get((queue, status), 0), kept.get((queue, status), 0)
        if pair[0] != pair[1]:
            what = f"{queue}: {pair[0]} are {status}, the counters say {pair[1]}"
            yield Finding("counters_equal_the_table", "", what)


def rabbitmq_is_empty(evidence: Evidence) -> Iterator[Finding]:
    """No message is left, and none is a dead letter."""
    for queue, messages in evidence.aftermath.messages.items():
        yield Finding("rabbitmq_is_empty", "", f"{queue} holds {messages} messages")
    for letter in evidence.aftermath.dead:
        yield Finding("rabbitmq_is_empty", "", f"a dead letter: {letter}")


def nothing_is_stuck(evidence: Evidence) -> Iterator[Finding]:
    """Once all faults are over, all that may be worked off can be."""
    if not evidence.aftermath.left:
        return
    for row in evidence.final.rows.values():
        if not row.silenced and row.status in {"scheduled", "queued", "running"}:
            yield Finding("nothing_is_stuck", row.id, f"is {row.status} for good")


def no_process_has_a_fault_of_its_own(evidence: Evidence) -> Iterator[Finding]:
    """No process logged a fault of its own: a store that is away is none."""
    for line in evidence.aftermath.logged:
        yield Finding("no_process_has_a_fault_of_its_own", "", line)


RULES = (
    everything_comes_back,
    the_hopper_equals_mysql,
    counters_equal_the_table,
    rabbitmq_is_empty,
    nothing_is_stuck,
    no_process_has_a_fault_of_its_own,
)
