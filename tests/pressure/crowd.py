"""Ten thousand clients in one process: raw connections on which claims wait."""

import json
import select
import socket
import time
from contextlib import suppress
from itertools import count
from typing import Self

from api.caller import head, parsed

from stack.services import Services


class Crowd:
    """Connections with a claim each; a context that closes them."""

    def __init__(self, services: Services, queues: list[str], wait: float = 60) -> None:
        self._address = ("127.0.0.1", services.ports[0])
        self._key = services.key
        self._queues = queues
        self._wait = wait
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._heard: dict[int, bytes] = {}
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for one in self._open.values():
            one.close()
        self._poll.close()

    def come(self, number: int) -> None:
        """So many more claims are sent."""
        for _ in range(number):
            queue = self._queues[next(self._numbers) % len(self._queues)]
            body = json.dumps({"queues": [queue], "wait": self._wait}).encode()
            lines = (
                f"Authorization: Bearer {self._key}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            )
            one = socket.create_connection(self._address, 10)
            one.sendall(head("POST", "/v1/claims", *lines) + body)
            self._open[one.fileno()] = one
            self._poll.register(one, select.EPOLLIN)

    def answers(self, seconds: float, most: int | None = None) -> list[list[str]]:
        """The ids in each answer that comes within `seconds`, or until `most` have come."""
        found: list[list[str]] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and (most is None or len(found) < most):
            for number, _ in self._poll.poll(left, 1_000):
                answer = self._read(number)
                if answer is not None:
                    found.append(answer)
        return found

    def _read(self, number: int) -> list[str] | None:
        data = b""
        with suppress(ConnectionError):
            data = self._open[number].recv(65_536)
        if not data:
            self._poll.unregister(number)
            self._open.pop(number).close()
            return None
        whole = self._heard.pop(number, b"") + data
        if b"\r\n\r\n" not in whole or not whole.endswith(b"}"):
            self._heard[number] = whole
            return None
        reply = parsed(whole)
        assert reply.status == 200, reply
        return [job["id"] for job in reply.json["jobs"]]
