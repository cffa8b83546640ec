"""Changes by an operator: no lease, and an answer that tells the outcome.

They are repeated only where the first try certainly did nothing: a second redrive, say, could
undo what happened in between.
"""

from datetime import datetime

from jobhopper.calls.base import Calls
from jobhopper.job import Job
from jobhopper.json_text import Json, encode
from jobhopper.request import Request, path_to
from jobhopper.times import to_text


class Operating(Calls):
    """Calls that need the scope `manage`.

    Each returns the job as it is afterwards and raises NotFound, or Conflict with a code.
    """

    def cancel(self, id: str) -> Job:  # noqa: A002 - the field's name in the API
        """Ends a job that has not finished; its worker learns of it at its next heartbeat."""
        return self._change(id, {"status": "cancelled"})

    def redrive(self, id: str) -> Job:  # noqa: A002
        """Sends a failed or cancelled job round again, as if new."""
        return self._change(id, {"status": "queued"})

    def silence(self, id: str) -> Job:  # noqa: A002
        """Hides a job that is not running from claims and lists, until it is unsilenced."""
        return self._change(id, {"silenced": True})

    def unsilence(self, id: str) -> Job:  # noqa: A002
        """Brings a silenced job back."""
        return self._change(id, {"silenced": False})

    def set_priority(self, id: str, priority: int) -> Job:  # noqa: A002
        """Moves a job in its queue: 0 (first) to 9."""
        return self._change(id, {"priority": priority})

    def set_run_at(self, id: str, run_at: datetime) -> Job:  # noqa: A002
        """Moves a job in time; `run_at` has a zone."""
        return self._change(id, {"run_at": to_text(run_at)})

    def erase(self, id: str) -> None:  # noqa: A002
        """Erases payload, result and error for good, and keeps the row; not while running."""
        request = Request("DELETE", path_to("jobs", id), repeatable=True)
        self._transport.call(request, lambda _: None)

    def _change(self, id_: str, fields: dict[str, Json]) -> Job:
        request = Request("PATCH", path_to("jobs", id_), body=encode(fields))
        return self._transport.call(request, Job.from_wire)
