"""Clients that send too much, too slowly or not to the end, on the API of the services.

What one such client costs is bounded in `tests/api`; here it is a crowd of them at once, on a
process that serves others meanwhile.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from api.caller import Api, Reply, head, parsed, read_all

from stack.services import Services

from .memory import Memory
from .steps import claim, create, created, soon, work_off

_GIB = 1024**3
_MANY = 20
_PIECE = b" " * 65_536
# The deadline of a body, the patience for what is left of one after its answer, and a second.
_BODY, _PATIENCE = 2.8, 10.0
_SLACK = 1.5


class Client:
    """A raw connection with the install's key."""

    def __init__(self, services: Services) -> None:
        self._key = f"Authorization: Bearer {services.key}"
        self.socket = socket.create_connection(("127.0.0.1", services.ports[0]), 20)

    def begin(self, path: str, *lines: str, body: bytes = b"", method: str = "POST") -> None:
        """Sends a head, and what comes with it."""
        kind = "Content-Type: application/json"
        self.socket.sendall(head(method, path, self._key, kind, *lines) + body)

    def drip(self, piece: bytes, pause: float, seconds: float) -> float:
        """Sends a piece now and then until the server closes; how long that took."""
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < seconds:
                self.socket.sendall(piece)
                time.sleep(pause)
        return time.monotonic() - began

    def close(self) -> None:
        self.socket.close()

    def answer(self) -> Reply | None:
        """What came until the server closed; None where it closed unanswered."""
        with self.socket:
            data = read_all(self.socket)
        return parsed(data) if data else None


@pytest.fixture
def others(api: Api) -> Iterator[Callable[[], float]]:
    """Creates jobs all the while; says how long the slowest of these calls took."""
    ended = threading.Event()
    took = [0.0]

    def run() -> None:
        while not ended.is_set():
            began = time.monotonic()
            created(create(api, "others"))
            took.append(time.monotonic() - began)
            time.sleep(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    yield lambda: max(took)
    ended.set()
    thread.join()
    assert max(took) < 1, "others had to wait"


def at_once(work: Callable[[int], float], number: int = _MANY) -> list[float]:
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, range(number)))


def ended_in(work: Callable[[], Reply | None], *codes: tuple[int, str]) -> float:
    """How long it took until the server had closed; what it answered, if it did, is of `codes`."""
    began = time.monotonic()
    reply = work()
    if reply is not None:
        assert (reply.status, reply.code) in codes, reply
    return time.monotonic() - began


@pytest.mark.usefixtures("others")
def test_2_gb_that_come_fast_cost_no_memory(services: Services, memory: Memory) -> None:
    peak = [0.0]

    def run(_: int) -> float:
        client = Client(services)
        client.begin("/v1/jobs", f"Content-Length: {2 * _GIB}")
        with closing(client):
            sent = client.drip(_PIECE, 0, 2 * _PATIENCE)
        peak[0] = max(peak[0], memory.grown())
        return sent

    assert max(at_once(run, 4)) < 2 * _PATIENCE
    assert peak[0] < 30, f"{peak[0]:.0f} MB in the midst of it"
    memory.check(30, "4 bodies of 2 GB sent fast")


def declared(services: Services) -> float:
    """64 KB ten times a second: by its bytes alone it could go on for a minute and a half."""
    client = Client(services)
    client.begin("/v1/jobs", f"Content-Length: {2 * _GIB}")
    with closing(client):
        took = client.drip(_PIECE, 0.1, 2 * _PATIENCE)
    assert took < _PATIENCE + _SLACK
    return took


def endless(services: Services) -> float:
    """Chunks of 64 KB."""
    chunk = b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE)
    client = Client(services)
    client.begin("/v1/jobs", "Transfer-Encoding: chunked")
    took = client.drip(chunk, 0.05, 2 * _PATIENCE)
    ended_in(client.answer, (413, "body_too_large"))
    assert took < _PATIENCE + _BODY + _SLACK
    return took


def dripping(services: Services) -> float:
    """Chunks of a byte."""
    client = Client(services)
    client.begin("/v1/jobs", "Transfer-Encoding: chunked")
    client.drip(b"1\r\n \r\n", 0.2, _BODY + _SLACK / 2)
    took = ended_in(client.answer, (408, "request_timeout"))
    assert took < _SLACK
    return took


@pytest.mark.usefixtures("others")
def test_bodies_of_2_gb_and_bodies_without_an_end_that_come_slowly(
    services: Services, memory: Memory
) -> None:
    kinds = (declared, endless, dripping)
    at_once(lambda n: kinds[n % 3](services), 3 * _MANY)
    memory.check(60, f"{3 * _MANY} bodies without an end")


@pytest.mark.usefixtures("others")
def test_a_length_that_never_comes_is_408(services: Services, memory: Memory) -> None:
    def run(number: int) -> float:
        client = Client(services)
        body = b'{"queue":"q","type":"t","payload":"' + b"x" * 10_000 * number
        client.begin("/v1/jobs", f"Content-Length: {len(body) + 1}", body=body)
        return ended_in(client.answer, (408, "request_timeout"))

    took = at_once(run)
    assert min(took) > _BODY - 0.2
    assert max(took) < _BODY + _SLACK
    memory.check(60, f"{_MANY} bodies that lack their end")


HALVES = {
    "before anything": (b"", 0),
    "in the head": (b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", 0),
    "in the body": (head("POST", "/v1/jobs", "Content-Length: 100") + b"{", 0),
    "after the request": (head("GET", "/livez"), 200),
}


@pytest.mark.parametrize("where", HALVES)
def test_a_connection_that_is_half_closed_ends_soon(where: str, services: Services) -> None:
    """Who sends no more is taken for gone: answered at most with what was ready, then closed."""
    data, _ = HALVES[where]

    def run(_: int) -> float:
        client = Client(services)
        client.socket.sendall(data)
        client.socket.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        reply = client.answer()
        assert reply is None or reply.status in {200, 400, 408, 401}
        return time.monotonic() - began

    assert max(at_once(run)) < _SLACK


def test_a_claim_whose_client_half_closed_keeps_no_job(services: Services, api: Api) -> None:
    clients = []
    for wait in (0, 20):
        body = json.dumps({"queues": ["half"], "max": 10, "wait": wait}).encode()
        client = Client(services)
        client.begin("/v1/claims", f"Content-Length: {len(body)}", body=body)
        client.socket.shutdown(socket.SHUT_WR)
        clients.append(client)
    for client in clients:
        reply = client.answer()
        assert reply is None or reply.json == {"jobs": []}
    ids = created(create(api, "half", 10))
    assert sorted(work_off(api, "half", set(ids))) == sorted(ids)
    # Taken for one who had gone, a job is released at once, and that is no failure.
    assert soon(api, "GET", f"/v1/jobs/{ids[0]}").json["failures"] == 0


def test_a_create_whose_client_half_closed_is_whole_or_not_there(
    services: Services, api: Api
) -> None:
    job = {"queue": "halved", "type": "t"}
    body = json.dumps({"jobs": [job] * 10}).encode()
    for _ in range(_MANY):
        client = Client(services)
        client.begin("/v1/jobs", f"Content-Length: {len(body)}", body=body)
        client.socket.shutdown(socket.SHUT_WR)
        client.answer()
    time.sleep(1)
    there = claim(api, "halved", 1_000).json["jobs"]
    assert len(there) % 10 == 0


@pytest.mark.usefixtures("others")
def test_slow_readers_are_bounded(services: Services, api: Api, memory: Memory) -> None:
    created(create(api, "large", 9, "x" * 200_000))
    deadline = time.monotonic() + 15
    while len(api.get("/v1/queues/large/top?n=9").json["jobs"]) < 9:
        assert time.monotonic() < deadline

    def run(_: int) -> float:
        client = Client(services)
        # A small window: the answers stay with the server.
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.socket.settimeout(1)
        until = time.monotonic() + 4
        with closing(client), suppress(TimeoutError, ConnectionError):
            while time.monotonic() < until:
                client.begin("/v1/queues/large/top?n=9", method="GET")
        return memory.grown()

    # An answer of 1.8 MB and what is asked ahead, each.
    grown = max(at_once(run))
    assert grown < 10 * _MANY, f"{grown:.0f} MB"
    memory.check(10 * _MANY, f"{_MANY} slow readers of 1.8 MB")
