"""Updates by the worker that holds a job; each carries the job's lease token.

They are safe to repeat: the server counts an update once, and only while the claim stands. A
repeat that it can't tell for one raises LeaseLost although the first try took effect;
`error.repeated` is True then.
"""

from collections.abc import Sequence
from functools import partial

from jobhopper.batches import bodies
from jobhopper.calls.base import Calls
from jobhopper.claimed_job import ClaimedJob
from jobhopper.json_text import Json, encode
from jobhopper.lease import Lease
from jobhopper.problem import refusal
from jobhopper.request import Request, path_to
from jobhopper.update import (
    Update,
    UpdateOutcome,
    extension,
    failure,
    giving_back,
    progress_report,
    success,
)

_FIRST_REFUSAL = 300


class Updating(Calls):
    """Calls that need the scope `work`. Each raises LeaseLost when the claim has ended."""

    def succeed(self, job: ClaimedJob, result: Json = None) -> None:
        """The job is done; `result` is any JSON up to 256 KiB."""
        self.update(success(job, result))

    def fail(
        self, job: ClaimedJob, error: Json, *, retry_in: float | None = None, retry: bool = True
    ) -> None:
        """The attempt failed; `error` is a string or an object, up to 16 KiB as JSON.

        Another attempt follows while there are any left, after `retry_in` seconds, else after
        the queue's backoff; with `retry=False` there is none.
        """
        self.update(failure(job, error, retry_in=retry_in, retry=retry))

    def release(self, job: ClaimedJob) -> None:
        """Gives the job back undone, at its old place; that counts as no failure."""
        self.update(giving_back(job))

    def extend(self, job: ClaimedJob, seconds: int) -> Lease:
        """Has the lease end no sooner than `seconds` (1 to 43,200) from now."""
        self.update(extension(job, seconds))
        return job.lease

    def progress(self, job: ClaimedJob, progress: Json) -> None:
        """Tells how far the work has come: any JSON up to 4 KiB."""
        self.update(progress_report(job, progress))

    def update_many(self, updates: Sequence[Update]) -> list[UpdateOutcome]:
        """Sends updates of many jobs, 1,000 a request; each is judged alone, in the order given.

        A refused update is told in its outcome, not raised.
        """
        outcomes: list[UpdateOutcome] = []
        entries = (encode({"id": update.job.id, **update.to_wire()}) for update in updates)
        for count, body in bodies("updates", entries):
            batch = updates[len(outcomes) : len(outcomes) + count]
            request = Request("POST", path_to("updates"), body=body, repeatable=True)
            outcomes += self._transport.call(request, partial(_outcomes, batch))
        return outcomes

    def update(self, update: Update) -> None:
        """Sends one update; the calls above make it for you."""
        path = path_to("jobs", update.job.id)
        request = Request("PATCH", path, body=encode(update.to_wire()), repeatable=True)
        self._transport.call(request, partial(_renew, update.job))


def _outcomes(batch: Sequence[Update], answer: Json) -> list[UpdateOutcome]:
    return [
        _outcome(update.job, entry) for update, entry in zip(batch, answer["updates"], strict=True)
    ]


def _outcome(job: ClaimedJob, entry: Json) -> UpdateOutcome:
    if entry["status"] >= _FIRST_REFUSAL:
        refused = refusal(entry["status"], entry["code"], entry.get("detail") or "")
        return UpdateOutcome(job, refused)
    _renew(job, entry)
    return UpdateOutcome(job, None)


def _renew(job: ClaimedJob, answer: Json) -> None:
    if answer.get("lease"):
        job.lease = Lease.from_wire(answer["lease"])
