"""Creating jobs: the producer's calls.

Every create carries an Idempotency-Key, so a repeat after a lost answer makes no second job.
"""

from collections.abc import Sequence
from datetime import datetime

from jobhopper.batches import bodies
from jobhopper.calls.base import Calls
from jobhopper.errors import JobhopperError, PartlyCreated
from jobhopper.idempotency_key import new_idempotency_key
from jobhopper.json_text import Json, encode
from jobhopper.new_job import NewJob
from jobhopper.request import Request, path_to


class Creating(Calls):
    """Calls that need the scope `produce`."""

    def create(
        self,
        queue: str,
        type: str,  # noqa: A002 - the field's name in the API
        payload: Json = None,
        *,
        priority: int | None = None,
        run_at: datetime | None = None,
        max_attempts: int | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Creates one job and returns its id; see NewJob for the fields.

        `idempotency_key`: your own name for this create. Within 24 hours a second create with
        the same key and body returns the first one's id. Raises Invalid, InvalidArgument.
        """
        job = NewJob(queue, type, payload, priority, run_at, max_attempts)
        request = _creation(encode(job.to_wire()), idempotency_key or new_idempotency_key())
        return self._transport.call(request, _id)

    def create_many(self, jobs: Sequence[NewJob]) -> list[str]:
        """Creates jobs in the order given and returns their ids in that order.

        Up to 1,000 jobs and 2 MiB go in one request, which is all or nothing. Raises
        PartlyCreated when a later request fails; what the first one raises comes as it is.
        """
        entries = [encode(job.to_wire()) for job in jobs]
        ids: list[str] = []
        for _, body in bodies("jobs", entries):
            request = _creation(body, new_idempotency_key())
            try:
                ids += self._transport.call(request, _ids)
            except JobhopperError as error:
                if not ids:
                    raise
                raise PartlyCreated(ids, len(entries), error) from error
        return ids


def _creation(body: bytes, key: str) -> Request:
    return Request("POST", path_to("jobs"), body=body, idempotency_key=key, repeatable=True)


def _id(answer: Json) -> str:
    return str(answer["id"])


def _ids(answer: Json) -> list[str]:
    return [_id(job) for job in answer["jobs"]]
