"""A small HTTP server that misbehaves as told, for what a real one can't be brought to do."""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Behaviour = Callable[["Handler"], None]


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeServer:
    """Answers the n-th request with the n-th behaviour, and then always with the last."""

    script: Sequence[Behaviour]
    seen: list[Seen] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    closing: Event = field(default_factory=Event)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together, else the kernel holds the second one back.
    wbufsize = -1
    fake: FakeServer

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.fake.connections.add(self.client_address)
        self.fake.seen.append(Seen(self.command, self.path, dict(self.headers), body))
        number = min(len(self.fake.seen), len(self.fake.script)) - 1
        self.fake.script[number](self)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - named by the base class

    def send_body(
        self, status: int, body: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def answer(status: int, body: Any, **headers: str) -> Behaviour:
    """Answers with JSON."""
    return lambda handler: handler.send_body(status, json.dumps(body).encode(), **headers)


def text(status: int, body: bytes) -> Behaviour:
    """Answers like a proxy or some other web server."""
    return lambda handler: handler.send_body(status, body, "text/html")


def problem(status: int, code: str, detail: str = "", **headers: str) -> Behaviour:
    """Answers with a problem document."""
    body = {"title": "t", "status": status, "detail": detail or f"about {code}", "code": code}
    return answer(status, body, **headers)


def drop(handler: Handler) -> None:
    """Hangs up without an answer, as a server does that is killed."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def hang(handler: Handler) -> None:
    """Never answers."""
    handler.close_connection = True
    handler.fake.closing.wait(30)


def trickle(handler: Handler) -> None:
    """Announces a body and sends a byte of it now and then."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    try:
        while not handler.fake.closing.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()
    except OSError:
        return


@contextmanager
def serving(*script: Behaviour) -> Iterator[FakeServer]:
    fake = FakeServer(script)
    bound = type("BoundHandler", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
