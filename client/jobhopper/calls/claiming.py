"""Claiming jobs."""

from collections.abc import Sequence

from jobhopper.calls.base import Calls
from jobhopper.claimed_job import ClaimedJob
from jobhopper.json_text import Json, encode
from jobhopper.request import Request, path_to


class Claiming(Calls):
    """Calls that need the scope `work`."""

    def claim(
        self,
        queues: str | Sequence[str],
        max: int = 1,  # noqa: A002 - the field's name in the API
        lease: int | None = None,
        wait: float = 0,
        worker: str | None = None,
    ) -> list[ClaimedJob]:
        """Claims up to `max` (1 to 1,000) jobs, from the first queue that has any, then the next.

        `lease`: seconds until others may have them, default the queue's. `wait`: seconds (0 to
        60) to wait for a first job. `worker`: a name to be found by. An empty list means that
        there was none. It is not repeated once it may have reached the server, since the jobs
        of a lost answer are leased to nobody until their lease ends.
        """
        fields = {
            "queues": [queues] if isinstance(queues, str) else list(queues),
            "max": max,
            "lease": lease,
            "wait": wait,
            "worker": worker,
        }
        body = encode({name: value for name, value in fields.items() if value is not None})
        return self._transport.call(
            Request("POST", path_to("claims"), body=body, wait=wait), _claimed
        )


def _claimed(answer: Json) -> list[ClaimedJob]:
    return [ClaimedJob.from_wire(job) for job in answer["jobs"]]
