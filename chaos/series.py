"""A run as numbers over time, for its plot."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chaos.call import Call
from chaos.evidence import Evidence
from chaos.rules.answers import is_hurt

# The width of a step (s): long enough for a p99 to mean something.
STEP = 2.0
# Calls that wait for nothing: their time is the server's alone.
_PROMPT = {"create", "update", "order", "read"}


class Latency(NamedTuple):
    """Of the calls that began in a step (s from the start): the middle one and the 99th, in s."""

    at: float
    p50: float
    p99: float


def accepted(evidence: Evidence) -> dict[float, float]:
    """Jobs accepted a second, by step: each once, however often its create was repeated."""
    firsts = [
        min(call.ended for call in job.creates) for job in evidence.jobs.values() if job.accepted
    ]
    return _rates(evidence, firsts)


def claimed(evidence: Evidence) -> dict[float, float]:
    """Jobs handed out a second."""
    return _rates(
        evidence, [claim.call.ended for job in evidence.jobs.values() for claim in job.claims]
    )


def finished(evidence: Evidence) -> dict[float, float]:
    """Ends of attempts accepted a second."""
    return _rates(
        evidence,
        [
            update.ended
            for job in evidence.jobs.values()
            for claim in job.claims
            for update in claim.endings
            if update.accepted
        ],
    )


def refused(evidence: Evidence) -> dict[float, float]:
    """Calls a second that were answered with 503."""
    return _rates(evidence, [call.ended for call in evidence.calls if call.status == 503])


def unanswered(evidence: Evidence) -> dict[float, float]:
    """Calls a second that got no answer."""
    return _rates(evidence, [call.ended for call in evidence.calls if call.status == 0])


def latencies(evidence: Evidence) -> list[Latency]:
    """Of calls that wait for nothing, at APIs to which nothing was done themselves."""
    steps: defaultdict[float, list[float]] = defaultdict(list)
    for call in _prompt(evidence):
        steps[_step(evidence, call.began)].append(call.ended - call.began)
    return [
        Latency(at + STEP / 2, times[len(times) // 2], times[int(len(times) * 0.99)])
        for at, times in sorted((at, sorted(times)) for at, times in steps.items())
    ]


def _prompt(evidence: Evidence) -> Iterator[Call]:
    for call in evidence.calls:
        if call.kind in _PROMPT and call.alone and not call.wait and not is_hurt(evidence, call):
            yield call


def _rates(evidence: Evidence, moments: Iterable[float]) -> dict[float, float]:
    counts = Counter(_step(evidence, moment) for moment in moments)
    last = max((_step(evidence, call.ended) for call in evidence.calls), default=0.0)
    steps = [STEP * number for number in range(int(last / STEP) + 1)]
    return {at + STEP / 2: counts[at] / STEP for at in steps}


def _step(evidence: Evidence, moment: float) -> float:
    return STEP * int(max(0.0, moment - evidence.start) / STEP)
