"""Looking at jobs and at the server."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from jobhopper.calls.base import Calls
from jobhopper.errors import WaitTimedOut
from jobhopper.job import Job
from jobhopper.json_text import Json
from jobhopper.request import Request, path_to
from jobhopper.times import to_text

# The longest that the server keeps a call open.
_WAIT_MAX = 60
# A server that shuts down answers a waiting call early; this keeps the repeat from spinning.
_EARLY_PAUSE = 0.2


class Reading(Calls):
    """Calls that need the scope `read`."""

    def job(self, id: str) -> Job:  # noqa: A002 - the field's name in the API
        """One whole job with its unsuccessful attempts. Raises NotFound."""
        return self._job(id, {}, wait=0)

    def wait_finished(self, id: str, timeout: float = 30.0) -> Job:  # noqa: A002
        """Waits up to `timeout` seconds for a job's end and returns it then.

        Raises WaitTimedOut, which holds the job as it is, and NotFound.
        """
        end = time.monotonic() + timeout
        while True:
            wait = min(_WAIT_MAX, max(0.0, end - time.monotonic()))
            job = self._job(id, {"wait": "finished", "timeout": f"{wait:.3f}"}, wait=wait)
            if job.finished:
                return job
            if time.monotonic() >= end:
                raise WaitTimedOut(job, timeout)
            time.sleep(_EARLY_PAUSE)

    def jobs(
        self,
        *,
        queue: str | None = None,
        status: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's name in the API
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        silenced: bool | Literal["any"] | None = None,
        error_contains: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Job]:
        """The jobs that match, newest first, read a page (1 to 500) at a time as you go.

        They come without payload, result and attempts. Silenced jobs are left out unless asked
        for: `silenced=True` gives them alone, `"any"` both.
        """
        filters = {
            "queue": queue,
            "status": status,
            "type": type,
            "created_after": created_after and to_text(created_after),
            "created_before": created_before and to_text(created_before),
            "silenced": None if silenced is None else str(silenced).lower(),
            "error_contains": error_contains,
            "limit": str(page_size),
        }
        yield from self._pages({name: value for name, value in filters.items() if value})

    def top(self, queue: str, n: int = 5) -> list[Job]:
        """The next `n` jobs that a claim on `queue` would get, with payload, without claiming."""
        request = _get(path_to("queues", queue, "top"), {"n": str(n)})
        return self._transport.call(request, _jobs)

    def system(self) -> dict[str, Json]:
        """Version, mode and the state of each store, as the server tells them."""
        return self._transport.call(_get(path_to("system")), dict)

    def _job(self, id_: str, query: Mapping[str, str], wait: float) -> Job:
        request = _get(path_to("jobs", id_), query, wait)
        return self._transport.call(request, Job.from_wire)

    def _pages(self, query: dict[str, str]) -> Iterator[Job]:
        while True:
            jobs, following = self._transport.call(_get(path_to("jobs"), query), _page)
            yield from jobs
            if following is None:
                return
            query = {**query, "next": following}


def _get(path: str, query: Mapping[str, str] | None = None, wait: float = 0) -> Request:
    return Request("GET", path, query or {}, repeatable=True, wait=wait)


def _jobs(answer: Json) -> list[Job]:
    return [Job.from_wire(job) for job in answer["jobs"]]


def _page(answer: Json) -> tuple[list[Job], str | None]:
    return _jobs(answer), answer["next"]
