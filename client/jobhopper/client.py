"""The client: every call of the API on one pool of connections."""

from types import TracebackType
from typing import Self

from jobhopper.calls.claiming import Claiming
from jobhopper.calls.creating import Creating
from jobhopper.calls.dead import Dead
from jobhopper.calls.operating import Operating
from jobhopper.calls.queues import Queues
from jobhopper.calls.reading import Reading
from jobhopper.calls.system import System
from jobhopper.calls.updating import Updating
from jobhopper.settings import read
from jobhopper.transport import Transport

TIMEOUT = 10.0
RETRY_FOR = 30.0


class Client(Creating, Claiming, Updating, Reading, Operating, Queues, Dead, System):
    """Speaks to one server; threads may share it, processes may not.

    `url` and `key` default to JOBHOPPER_URL (http://127.0.0.1:8080) and JOBHOPPER_KEY.
    `timeout` (s) bounds one try, `retry_for` (s) the time in which another may begin, so a call
    lasts no longer than both together, and what it is asked to wait. Every call may raise the
    errors of `jobhopper.errors`, all of them JobhopperError.

        with Client() as client:
            client.create("mail", "welcome", {"to": "ada@example.com"})
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retry_for: float = RETRY_FOR,
    ) -> None:
        super().__init__(Transport(read(url, key, timeout, retry_for)))

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._transport.settings.url

    @property
    def settings(self) -> dict[str, str]:
        """The variables by which another process reaches the same server, the key too."""
        settings = self._transport.settings
        key = {"JOBHOPPER_KEY": settings.key} if settings.key else {}
        return {"JOBHOPPER_URL": settings.url, **key}

    def twin(self, *, timeout: float | None = None, retry_for: float | None = None) -> "Client":
        """A client for the same server with connections of its own, and other bounds if given."""
        mine = self._transport.settings
        return Client(
            mine.url,
            mine.key,
            timeout=mine.timeout if timeout is None else timeout,
            retry_for=mine.retry_for if retry_for is None else retry_for,
        )

    def abort(self) -> None:
        """Breaks off calls that other threads wait in: they raise ConnectionFailed."""
        self._transport.abort()

    def close(self) -> None:
        """Closes the connections; the client opens new ones if it is used again."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"
