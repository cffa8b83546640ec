"""Uvicorn's HTTP protocol with the bounds that it lacks.

The parser keeps a request's head in memory however long it grows, and waits for its end for
ever; and what a client still sends of a body after it was answered is read for ever. Here all
of it is bounded. What isn't HTTP is answered with a problem like every other error.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Any

import httptools
from httptools import HttpParserInvalidMethodError
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from jobhopper_api.http.problems import encoded
from jobhopper_core.model.limits import HEADER_MAX

# A client has this long for the head of a request, or for what is left of a body after its answer.
PATIENCE_SECONDS = 10.0
# A client that does not read its answer holds it in memory for no longer than this.
_UNREAD_SECONDS = 30.0
# A body that was refused is read on to its end, since a client that sends does not listen; a
# longer one is cut off.
_UNWANTED_MAX = 64 * 1024 * 1024
# So many requests may be sent ahead of their answers; then the connection ends with those.
_AHEAD_MAX = 32
# What a header line holds beside its name and value: a colon, a space, the line's end.
_LINE_EXTRA = 4
_REQUEST_LINE = re.compile(rb"[!-~]{1,64} [!-~]+ HTTP/1\.[01]\r\n")
_METHODS = "GET, POST, PATCH, DELETE"
_UPGRADE_HEADERS = {b"connection", b"upgrade", b"http2-settings"}


class _HeadTooLargeError(Exception):
    """Ends the parser's work on a head that is whole but too large."""


class _TooFarAheadError(Exception):
    """Ends the parser's work on requests that are not waited for."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose requests are bounded in size and time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._in_body = False
        self._head_bytes = 0
        self._unwanted_bytes = 0
        self._upgrading = False
        self._running: RequestResponseCycle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the clock: a connection has to say something."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clocks, and tells the request that is being answered."""
        self._stop_timer()
        self._stop_unread_timer()
        if self._running is not None:
            # Uvicorn's own tells the newest request alone, which may be one behind this.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser unless the head has grown too long."""
        self._unset_keepalive_if_required()
        # The piece in which a head begins isn't counted: an earlier request's end may be in it.
        self._head_bytes += len(data) if self._in_head else 0
        rest: bytes | None = data
        while rest is not None:
            rest = self._feed(rest)
        if self._in_head:
            self._start_timer()
            if self._head_bytes > HEADER_MAX:
                self._refuse_head()
        elif self.cycle is not None and self.cycle.response_complete and not self._on_clock():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """A request's head begins."""
        if len(self.pipeline) >= _AHEAD_MAX:
            raise _TooFarAheadError
        super().on_message_begin()
        self._in_head, self._head_bytes, self._unwanted_bytes = True, 0, 0

    def on_headers_complete(self) -> None:
        """A request's head is whole."""
        self._in_head, self._in_body = False, True
        self._stop_timer()
        lines = sum(len(name) + len(value) + _LINE_EXTRA for name, value in self.headers)
        if len(self.url) + lines > HEADER_MAX:
            raise _HeadTooLargeError
        self._upgrading = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._upgrading:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body; after the answer it is dropped."""
        super().on_body(body)
        self._unwanted_bytes += len(body) if self.cycle.response_complete else 0
        if self._unwanted_bytes > _UNWANTED_MAX:
            self.transport.close()

    def on_message_complete(self) -> None:
        """A request has come to its end."""
        self._in_body = False
        self._stop_timer()
        if not self._upgrading:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered; what is left of its body has to come soon."""
        super().on_response_complete()
        if self._in_body:
            self._start_timer()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._stop_unread_timer()
        self._unread_timer = self.loop.call_later(_UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        self._stop_unread_timer()
        super().resume_writing()

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _on_clock(self) -> bool:
        return self._in_body or self.timeout_keep_alive_task is not None

    def _feed(self, data: bytes) -> bytes | None:
        """Feeds the parser; what it returns has to be fed next."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._without_upgrade(data[upgrade.args[0] :]) if self._upgrading else None
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _HeadTooLargeError):
                self._refuse_head()
            elif _REQUEST_LINE.match(data) and isinstance(error, HttpParserInvalidMethodError):
                self._refuse(405, "method_not_allowed", f"No path takes it; {_METHODS} are known.")
            else:
                self._refuse(400, "bad_request", "What came is not HTTP/1.1.")
        return None

    def _without_upgrade(self, rest: bytes) -> bytes:
        # The parser stops at a request that asks for another protocol, and does not read its
        # body. Clients ask for HTTP/2 so (Java's does with every first request) and are glad of
        # an answer in HTTP/1.1; so the request is read again without that wish.
        last = any(n == b"connection" and b"close" in v.lower() for n, v in self.headers)
        kept = [(n, v) for n, v in self.headers if n not in _UPGRADE_HEADERS]
        kept += [(b"connection", b"close")] if last else []
        version = self.parser.get_http_version().encode()
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)
        lines = [first, *(b"%s: %s" % line for line in kept), b"", rest]
        self._upgrading = False
        self.parser = httptools.HttpRequestParser(self)
        return b"\r\n".join(lines)

    def _refuse_head(self) -> None:
        self._refuse(431, "head_too_large", f"A request's head is at most {HEADER_MAX} bytes.")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        if self._is_answering():
            # Answers come in order: the one under way first, and then there is no other.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        body = encoded(status, code, detail)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            "content-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n"
        )
        # A request whose method the parser does not know is never heard of by any path.
        head += f"allow: {_METHODS}\r\n\r\n" if status == HTTPStatus.METHOD_NOT_ALLOWED else "\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _is_answering(self) -> bool:
        """Whether a request that has come whole still waits for its answer."""
        whole = self.cycle is not None and not self.cycle.more_body
        return bool(self.pipeline) or (whole and not self.cycle.response_complete)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(PATIENCE_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._in_body:
            self.transport.close()
        elif self._is_answering():
            self._start_timer()
        else:
            within = f"{PATIENCE_SECONDS:.0f} s"
            self._refuse(408, "request_timeout", f"No request came within {within}.")
