"""A lean HTTP client of the tests' own, so that nothing of the SDK stands between them."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE = 20
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_constant=_refuse)

    @property
    def code(self) -> str:
        """The code of a problem."""
        return str(self.json["code"])

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [one["field"] for one in self.json["errors"]]


class Api:
    """Calls a server on this machine, a connection a thread."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self.port = port
        self._key = key
        self._own = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One call; `body` is sent as JSON unless it is bytes. The answer has to have a form."""
        sent = dict(headers or {})
        if body is not None and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        if self._key is not None and "Authorization" not in sent:
            sent["Authorization"] = f"Bearer {self._key}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        reply = self._send(method, path, data, sent)
        check_form(reply, method)
        return reply

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.call("GET", path, None, headers)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Reply:
        return self.call("POST", path, body, headers)

    def patch(self, path: str, body: object) -> Reply:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def close(self) -> None:
        """Closes the connections of all threads."""
        while self._opened:
            self._opened.pop().close()

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        connection = self._connection()
        # The server may close a connection that is idle; on a fresh one it is news.
        fresh = connection.sock is None
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()
            if fresh:
                raise
            return self._send(method, path, data, headers)
        except BaseException:
            connection.close()
            raise
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._own, "connection", None) is None:
            self._own.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=PATIENCE
            )
            self._opened.append(self._own.connection)
        connection: http.client.HTTPConnection = self._own.connection
        return connection


def check_form(reply: Reply, method: str = "GET") -> None:
    """Every answer of 400 and above is a problem that says the same as its status; none is 5xx."""
    assert reply.status < 500 or reply.status == 503, reply
    if method == "HEAD":
        assert reply.body == b""
        return
    if reply.status < 400:
        return
    assert reply.headers["content-type"] == PROBLEM, reply
    problem = reply.json
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "code"}, problem
    assert (problem["type"], problem["status"]) == ("about:blank", reply.status), problem
    assert all(set(one) == {"field", "message"} for one in problem.get("errors", ())), problem
    assert problem["detail"], problem


def exchange(port: int, data: bytes, *, timeout: float = PATIENCE) -> bytes:
    """What the server says to raw bytes until it closes, or `timeout` seconds have passed."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """All that comes until the other side closes, or nothing came for the socket's time-out."""
    pieces = []
    try:
        while piece := connection.recv(65_536):
            pieces.append(piece)
    except (TimeoutError, ConnectionError):
        pass
    return b"".join(pieces)


def read_one(connection: socket.socket) -> Reply:
    """The next answer on a connection that stays open."""
    data = connection.recv(65_536)
    while not _is_whole(data):
        piece = connection.recv(65_536)
        assert piece, f"the connection ended within an answer: {data!r}"
        data += piece
    return parsed(data)


def _is_whole(data: bytes) -> bool:
    if b"\r\n\r\n" not in data:
        return False
    reply = parsed(data, check=False)
    return len(reply.body) == int(reply.headers.get("content-length", "0"))


def parsed(data: bytes, *, check: bool = True) -> Reply:
    """The first answer in raw bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    length = int(headers.get("content-length", "0"))
    reply = Reply(int(lines[0].split()[1]), headers, body[:length])
    if check:
        check_form(reply)
    return reply


def head(method: str, path: str, *lines: str) -> bytes:
    """A request's head in raw bytes."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


def wait_until(ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Returns as soon as `ready`; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.01)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
