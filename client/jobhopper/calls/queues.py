"""Queues and their settings."""

from collections.abc import Iterator, Mapping

from jobhopper.calls.base import Calls
from jobhopper.json_text import Json, encode
from jobhopper.queue_info import Queue
from jobhopper.request import Request, path_to

_PAGE = 500


class Queues(Calls):
    """Reading needs the scope `read`, changing and deleting `manage`."""

    def queues(self) -> Iterator[Queue]:
        """Every queue by name, read a page at a time as you go."""
        query = {"limit": str(_PAGE)}
        while True:
            request = Request("GET", path_to("queues"), query, repeatable=True)
            queues, following = self._transport.call(request, _page)
            yield from queues
            if following is None:
                return
            query = {**query, "next": following}

    def queue(self, name: str) -> Queue:
        """One queue. Raises NotFound."""
        request = Request("GET", path_to("queues", name), repeatable=True)
        return self._transport.call(request, Queue.from_wire)

    def change_queue(
        self,
        name: str,
        *,
        paused: bool | None = None,
        lease: int | None = None,
        max_attempts: int | None = None,
        backoff: Mapping[str, float] | None = None,
        silence_after: int | None = None,
    ) -> Queue:
        """Sets what is given, making the queue when it is new; see Queue for the fields.

        `backoff` takes any of `base`, `factor`, `max`, `jitter`. Doing it twice does no harm.
        """
        fields = {
            "paused": paused,
            "lease": lease,
            "max_attempts": max_attempts,
            "backoff": None if backoff is None else dict(backoff),
            "silence_after": silence_after,
        }
        body = encode({field: value for field, value in fields.items() if value is not None})
        request = Request("PATCH", path_to("queues", name), body=body, repeatable=True)
        return self._transport.call(request, Queue.from_wire)

    def delete_queue(self, name: str) -> None:
        """Removes a queue without jobs. Raises NotFound, Conflict (`queue_not_empty`)."""
        self._transport.call(Request("DELETE", path_to("queues", name)), lambda _: None)


def _page(answer: Json) -> tuple[list[Queue], str | None]:
    return [Queue.from_wire(queue) for queue in answer["queues"]], answer["next"]
