"""A wire between a consumer and RabbitMQ that can be slow, and lose or change what a test names."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

BASIC_QOS = (60, 10)
BASIC_ACK = (60, 80)
BASIC_CANCEL = (60, 30)
CHANNEL_CLOSE = (20, 40)
_METHOD = 1
_BODY = 3
_PREFACE = 8
_HEAD = 7
# Where in a frame of `basic.qos` the window stands: behind class, method, and a size.
_WINDOW = slice(_HEAD + 8, _HEAD + 10)


class Proxy:
    """Passes on what comes; acknowledgements only while `acks_left` lasts.

    `delay` seconds go by before a frame of the consumer reaches RabbitMQ. `sent` lists the
    methods (class, method) that the consumer sent, whether they arrived or not, and `bodies` the
    messages that came to it, in their order (a large one in pieces). `window` stands in for how
    many messages of a queue the consumer asks for.
    """

    def __init__(self, url: str, window: int | None = None) -> None:
        head, _, tail = url.rpartition("@")
        port, _, vhost = tail.partition(":")[2].partition("/")
        self._target = ("127.0.0.1", int(port))
        self.acks_left: float = float("inf")
        self.delay = 0.0
        self.sent: list[tuple[int, int]] = []
        self.bodies: list[bytes] = []
        self._window = window
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"{head}@127.0.0.1:{self._server.getsockname()[1]}/{vhost}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in [self._server, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def count(self, method: tuple[int, int]) -> int:
        """How often the consumer sent `method`."""
        return self.sent.count(method)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    near.close()
                    continue
                self._open += [near, far]
                threading.Thread(target=self._up, args=(near, far), daemon=True).start()
                threading.Thread(target=self._down, args=(far, near), daemon=True).start()

    def _down(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            for frame in _frames(far):
                if frame[0] == _BODY:
                    self.bodies.append(frame[_HEAD:-1])
                near.sendall(frame)
        _end(far, near)

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            far.sendall(_exactly(near, _PREFACE))
            for frame in _frames(near):
                if self.delay:
                    time.sleep(self.delay)
                if self._passes(frame):
                    far.sendall(self._changed(frame))
        _end(near, far)

    def _passes(self, frame: bytes) -> bool:
        if frame[0] != _METHOD:
            return True
        method = struct.unpack_from(">HH", frame, _HEAD)
        self.sent.append((method[0], method[1]))
        if method != BASIC_ACK:
            return True
        self.acks_left -= 1
        return self.acks_left >= 0

    def _changed(self, frame: bytes) -> bytes:
        if self._window is None or not _is(frame, BASIC_QOS):
            return frame
        return frame[: _WINDOW.start] + self._window.to_bytes(2, "big") + frame[_WINDOW.stop :]


def _is(frame: bytes, method: tuple[int, int]) -> bool:
    return frame[0] == _METHOD and struct.unpack_from(">HH", frame, _HEAD) == method


def _frames(source: socket.socket) -> Iterator[bytes]:
    while head := _exactly(source, _HEAD):
        (size,) = struct.unpack_from(">L", head, 3)
        yield head + _exactly(source, size + 1)


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = source.recv(size - len(found))
        if not piece:
            raise ConnectionResetError
        found += piece
    return found


def _end(*both: socket.socket) -> None:
    for one in both:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
