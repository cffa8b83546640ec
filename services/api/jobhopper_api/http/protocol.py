"""Uvicorn's HTTP protocol with the bounds that it lacks.

The parser keeps a request's head in memory however long it grows, and waits for its end for
ever; here both are bounded. What isn't HTTP is answered with a problem like every other error.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jobhopper_api.http.problems import encoded
from jobhopper_core.model.limits import HEADER_MAX

HEAD_SECONDS = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose requests' heads are bounded in size and time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._reading_head = True
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the clock: a connection has to say something."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser unless the head has grown too long."""
        super().data_received(data)
        if not self._reading_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEADER_MAX and not self.transport.is_closing():
            self._refuse(431, "head_too_large", f"A request's head is at most {HEADER_MAX} bytes.")

    def on_message_begin(self) -> None:
        """A request's head begins."""
        super().on_message_begin()
        self._reading_head, self._head_bytes = True, 0
        self._start_timer()

    def on_headers_complete(self) -> None:
        """A request's head is whole."""
        self._reading_head = False
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what isn't HTTP."""
        self._refuse(400, "bad_request", msg)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        body = encoded(status, code, detail)
        head = (
            f"HTTP/1.1 {status} Error\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _start_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._refuse(408, "request_timeout", f"No request came within {HEAD_SECONDS:.0f} s.")
