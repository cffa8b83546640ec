"""What was accepted is there, once, as it was sent."""

import json
from collections import defaultdict
from collections.abc import Iterator

from chaos.evidence import Evidence, Finding


def accepted_is_there(evidence: Evidence) -> Iterator[Finding]:
    """Every job that a create was answered with stands in MySQL."""
    for job in evidence.jobs.values():
        if job.accepted and job.id not in evidence.final.rows:
            yield Finding("accepted_is_there", job.id, "was accepted and is not in MySQL")


def a_request_makes_its_jobs_once(evidence: Evidence) -> Iterator[Finding]:
    """However often a create was sent under its key, there is one job of each of its items."""
    found: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for row in evidence.final.rows.values():
        payload = json.loads(row.payload)
        found[payload["request"], payload["item"]].append(row.id)
    for (request, item), ids in found.items():
        for id_ in sorted(ids)[1:]:
            what = f"item {item} of request {request} is {len(ids)} jobs: {sorted(ids)}"
            yield Finding("a_request_makes_its_jobs_once", id_, what)


def a_repeat_gives_the_first_ids(evidence: Evidence) -> Iterator[Finding]:
    """A create that is sent again with its Idempotency-Key is answered with the same ids."""
    first: dict[str, list[str]] = {}
    for call in evidence.calls:
        if call.kind != "create" or not call.accepted or not call.sent["key"]:
            continue
        ids = [item["id"] for item in call.answer["jobs"]]
        known = first.setdefault(call.sent["request"], ids)
        if ids != known:
            what = f"request {call.sent['request']} gave {known}, its repeat {ids}"
            yield Finding("a_repeat_gives_the_first_ids", ids[0], what)


def a_job_is_what_was_sent(evidence: Evidence) -> Iterator[Finding]:
    """Queue and payload in MySQL are those of the create."""
    for job in evidence.jobs.values():
        row = evidence.final.rows.get(job.id)
        for create in job.creates if row else ():
            place = [item["id"] for item in create.answer["jobs"]].index(job.id)
            sent = create.sent["jobs"][place]
            assert row is not None  # noqa: S101 # the line above says so
            if (row.queue, json.loads(row.payload)) != (sent["queue"], sent["payload"]):
                yield Finding("a_job_is_what_was_sent", job.id, f"was sent as {sent}")


RULES = (
    accepted_is_there,
    a_request_makes_its_jobs_once,
    a_repeat_gives_the_first_ids,
    a_job_is_what_was_sent,
)
