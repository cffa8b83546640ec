"""The dead letters: looked at, sent back, dropped.

A change is repeated only where the first try certainly did nothing: a second one would be told
that there is no such letter.
"""

from jobhopper.calls.base import Calls
from jobhopper.dead_letter import DeadLetters
from jobhopper.request import Request, path_to


class Dead(Calls):
    """Looking needs the scope `read`, changes need `manage`."""

    def dead_letters(self, limit: int = 50) -> DeadLetters:
        """Up to `limit` (500 at most) of the messages that could not be applied."""
        request = Request("GET", path_to("dead"), {"limit": str(limit)}, repeatable=True)
        return self._transport.call(request, DeadLetters.from_wire)

    def resend_dead_letter(self, id: str) -> None:  # noqa: A002 - the field's name in the API
        """Sends one back to where it came from. Raises NotFound, or Conflict `unknown_origin`."""
        self._transport.call(Request("POST", path_to("dead", id, "resend")), lambda _: None)

    def drop_dead_letter(self, id: str) -> None:  # noqa: A002
        """Drops one: what is in it is never applied. Raises NotFound."""
        self._transport.call(Request("DELETE", path_to("dead", id)), lambda _: None)
