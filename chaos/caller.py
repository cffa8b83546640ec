"""A client of the run's own: it goes to the other API when one does not answer, and notes all."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from chaos.call import NO_ANSWER, Call

# How long a client waits for an answer beyond what it asked to wait: longer than any may take.
PATIENCE = 4.0


class Caller:
    """Calls for one thread; what it saw goes to `calls`, which all threads share."""

    def __init__(
        self, who: str, ports: Sequence[int], key: str, calls: list[Call], home: int = 0
    ) -> None:
        self.who = who
        self.calls = calls
        self._ports = ports
        self._auth = f"Bearer {key}"
        self._api = home % len(ports)
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        said: Any = None,
        job: str = "",
        lease: str = "",
        wait: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> Call:
        """One call, noted with `said` for what was sent where that is not the body itself."""
        api, began = self._api, time.time()
        status, answer = self._ask(method, path, body, headers or {}, wait)
        sent = {**said} if said is not None else body if body is not None else path
        done = Call(kind, self.who, api, began, time.time(), sent, status, answer, job, lease, wait)
        self.calls.append(done)
        return done

    def move(self) -> None:
        """Goes to the next API."""
        self.close()
        self._api = (self._api + 1) % len(self._ports)

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], wait: float
    ) -> tuple[int, Any]:
        sent = {"Authorization": self._auth, "Content-Type": "application/json", **headers}
        data = None if body is None else json.dumps(body)
        try:
            connection = self._sent(wait, method, path, data, sent)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.move()
            return NO_ANSWER, f"{type(error).__name__}: {error}"
        return answer.status, _read(content)

    def _sent(
        self, wait: float, method: str, path: str, data: str | None, headers: Mapping[str, str]
    ) -> http.client.HTTPConnection:
        connection = self._open(wait)
        reused = connection.sock is not None
        try:
            connection.request(method, path, data, headers)
        except BrokenPipeError:
            # Its API has died since the last call: nothing of this one has arrived.
            if not reused:
                raise
            self.close()
            connection = self._open(wait)
            connection.request(method, path, data, headers)
        return connection

    def _open(self, wait: float) -> http.client.HTTPConnection:
        timeout = wait + PATIENCE
        if self._connection is None:
            port = self._ports[self._api]
            self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        return self._connection


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
