"""Every answer comes in time, has a form, and agrees with those before it."""

from collections.abc import Iterator

from chaos.call import NO_ANSWER, Call
from chaos.evidence import Evidence, Finding

# The deadline of a request, beyond what it asked to wait.
SOON_SECONDS = 3.0
# A process that was frozen or started has so long to take up what has come meanwhile.
_BACK_SECONDS = 2.0
_ALLOWED = {200, 201, 202, 404, 409, 503}


def a_request_is_answered_in_time(evidence: Evidence) -> Iterator[Finding]:
    """No request takes more than 3 s beyond its own wait, whatever store is away.

    An API that is itself killed or frozen is not meant; nor is time in which the machine let
    the run's own process stand still.
    """
    for call in evidence.calls:
        if not call.alone or is_hurt(evidence, call):
            continue
        took = call.ended - call.began - call.wait - _stalled(evidence, call)
        if took > SOON_SECONDS:
            what = f"{took:.3f} s: {call.told(evidence.start)}"
            yield Finding("a_request_is_answered_in_time", call.job, what)
        elif call.status == NO_ANSWER:
            what = f"no answer: {call.told(evidence.start)}"
            yield Finding("a_request_is_answered_in_time", call.job, what)


def is_hurt(evidence: Evidence, call: Call) -> bool:
    """Whether something was done to the API while it had the call."""
    return any(
        one.fault.target == f"api.{call.api}"
        and call.began - evidence.start < one.healed + _BACK_SECONDS
        and call.ended - evidence.start > one.began
        for one in evidence.faults
    )


def _stalled(evidence: Evidence, call: Call) -> float:
    return sum(
        one.seconds for one in evidence.stalls if call.began < one.at < call.ended + one.seconds
    )


def an_answer_has_its_form(evidence: Evidence) -> Iterator[Finding]:
    """Every answer is one that the API describes; of errors only 404, 409 and 503 have a reason."""
    for call in evidence.calls:
        formed = isinstance(call.answer, dict) and call.status in _ALLOWED
        if not formed and call.status != NO_ANSWER:
            yield Finding("an_answer_has_its_form", call.job, call.told(evidence.start))


def an_accepted_job_is_known(evidence: Evidence) -> Iterator[Finding]:
    """Once a create was answered, a call that names the job does not hear that there is none."""
    for job in evidence.jobs.values():
        accepted = min((call.ended for call in job.creates), default=float("inf"))
        for call in (*job.reads, *job.orders):
            if call.status == 404 and call.began > accepted:
                yield Finding("an_accepted_job_is_known", job.id, call.told(evidence.start))


def what_is_read_goes_forward(evidence: Evidence) -> Iterator[Finding]:
    """Of two reads, one after the other, the later has no lower attempt and undoes no success."""
    for job in evidence.jobs.values():
        whole = [call for call in (*job.reads, *job.orders) if _is_whole(call)]
        for call in whole:
            before = [other for other in whole if other.ended <= call.began]
            if any(other.answer["attempt"] > call.answer["attempt"] for other in before):
                yield Finding("what_is_read_goes_forward", job.id, call.told(evidence.start))
            succeeded = any(other.answer["status"] == "succeeded" for other in before)
            if succeeded and call.answer["status"] != "succeeded":
                yield Finding("what_is_read_goes_forward", job.id, call.told(evidence.start))


def _is_whole(call: Call) -> bool:
    """Whether it was answered with the job as MySQL has it, not with what the hopper remembers."""
    return call.status == 200 and "attempt" in call.answer and not call.answer.get("stale")


RULES = (
    a_request_is_answered_in_time,
    an_answer_has_its_form,
    an_accepted_job_is_known,
    what_is_read_goes_forward,
)
