"""Sends requests to one server: keep-alive, bounded in time, repeated where that is harmless."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from jobhopper.connections import OpenConnections, open_pool
from jobhopper.errors import ApiError, ConnectionFailed, NoAnswer, TLSFailed, UnexpectedAnswer
from jobhopper.json_text import Json, decode
from jobhopper.problem import error_of
from jobhopper.request import Request
from jobhopper.settings import Settings
from jobhopper.tries import Tries
from jobhopper.version import __version__

T = TypeVar("T")

CONNECT_TIMEOUT = 5.0
_CHUNK = 64 * 1024
_FIRST_REFUSAL = 300


class Transport:
    """Thread-safe. A call lasts at most `retry_for` + `timeout` + its own `wait` seconds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = OpenConnections()
        self._pool = open_pool(settings.url, self._open)

    def call(self, request: Request, read: Callable[[Json], T]) -> T:
        """What `read` makes of the decoded answer (None when that is empty).

        Raises ApiError, ConnectionFailed, or UnexpectedAnswer where `read` can't make sense of it.
        """
        answer = self._answer(request)
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"a field is missing or of another kind: {error!r}"
            raise UnexpectedAnswer(self.settings.url, reason) from error

    def abort(self) -> None:
        """Breaks off the calls under way: they raise ConnectionFailed."""
        self._open.abort()

    def close(self) -> None:
        """Closes the idle connections."""
        self._pool.close()

    def _answer(self, request: Request) -> Json:
        tries = Tries(repeatable=request.repeatable, retry_for=self.settings.retry_for)
        while True:
            try:
                return self._try(request)
            except (ConnectionFailed, ApiError) as error:
                pause = tries.pause_after(error)
            time.sleep(pause)

    def _try(self, request: Request) -> Json:
        patience = self.settings.timeout + request.wait
        try:
            response = self._send(request, patience)
            body = self._read(response, patience)
        except HTTPError as error:
            raise self._failure(error, patience) from error
        if response.status >= _FIRST_REFUSAL:
            raise error_of(response.status, response.headers, body)
        return self._decoded(body)

    def _send(self, request: Request, patience: float) -> BaseHTTPResponse:
        connect = min(CONNECT_TIMEOUT, self.settings.timeout)
        return self._pool.urlopen(
            request.method,
            self.settings.path + request.target,
            body=request.body,
            headers=self._headers(request),
            timeout=Timeout(connect=connect, read=patience),
            redirect=False,
            preload_content=False,
        )

    def _headers(self, request: Request) -> Mapping[str, str]:
        headers = {"Accept": "application/json", "User-Agent": f"jobhopper-python/{__version__}"}
        if self.settings.key:
            headers["Authorization"] = f"Bearer {self.settings.key}"
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.idempotency_key:
            headers["Idempotency-Key"] = request.idempotency_key
        return headers

    def _read(self, response: BaseHTTPResponse, patience: float) -> bytes:
        # The socket's own timeout starts anew with every byte, so a trickle is stopped here.
        end = time.monotonic() + patience
        parts = []
        while part := response.read1(_CHUNK):
            parts.append(part)
            if time.monotonic() > end:
                response.close()
                raise self._no_answer(patience)
        return b"".join(parts)

    def _failure(self, error: HTTPError, patience: float) -> ConnectionFailed:
        if isinstance(error, ReadTimeoutError):
            return self._no_answer(patience)
        sent = not isinstance(error, NewConnectionError | ConnectTimeoutError)
        kind = TLSFailed if isinstance(error, SSLError) else ConnectionFailed
        return kind(self.settings.url, _reason(error), sent=sent)

    def _no_answer(self, patience: float) -> NoAnswer:
        return NoAnswer(self.settings.url, f"none within {patience:g} s", sent=True)

    def _decoded(self, body: bytes) -> Json:
        try:
            return decode(body) if body else None
        except ValueError as error:
            raise UnexpectedAnswer(self.settings.url, "the answer is not JSON") from error


def _reason(error: BaseException) -> str:
    """What went wrong at the bottom, without the layers that carried it up."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
