"""Bad and large requests, many of them: the server stays up, and its memory stays bounded."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from .caller import Api, head, parsed, read_all, read_one
from .conftest import Start
from .server import Server, serving
from .steps import create_many, running

MIB = 1024 * 1024
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has seen large bodies before."""
    with serving(tmp_path_factory.mktemp("memory")) as server:
        api = server.api()
        body = {"queue": "q", "type": "t", "payload": "x" * 200_000}
        for _ in range(20):
            assert api.post("/v1/jobs", {"jobs": [body] * 9}).status == 201
            assert api.post("/v1/jobs", b"[" * 2 * MIB).status == 422
        yield server


@pytest.fixture
def grown(warm: Server) -> "Grown":
    """By how much its memory grows in a test."""
    return Grown(warm)


class Grown:
    """A server, and by how many bytes its memory has grown."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._before = server.memory()

    def check(self, mib: int) -> None:
        assert self.server.is_up()
        grown = (self.server.memory() - self._before) / MIB
        assert grown < mib, f"grown by {grown:.0f} MiB"


def post(*lines: str, path: str = "/v1/jobs") -> bytes:
    return head("POST", path, JSON, *lines)


def test_two_hundred_bodies_of_2_mib_that_are_refused(grown: Grown) -> None:
    wrong = [
        b'{"queue":"q","type":"t","payload":"' + b"x" * (2 * MIB - 100) + b'"}',
        b"[" * 2 * MIB,
        b'{"a":' * (2 * MIB // 5),
        b" " * 2 * MIB,
        b"\xff" * 2 * MIB,
        b'{"jobs":[' + b"{}," * (2 * MIB // 3 - 10) + b"{}]}",
        b'{"queue":"q","type":"t","payload":' + b"9" * (2 * MIB - 100) + b"}",
        b'{"queue":"q","type":"t","payload":[' + b"1," * (MIB - 100) + b"1]}",
    ]
    api = grown.server.api()
    with ThreadPoolExecutor(8) as pool:
        for reply in pool.map(lambda i: api.post("/v1/jobs", wrong[i % len(wrong)]), range(200)):
            assert reply.status == 422
    grown.check(80)


def test_a_stream_of_200_mb_that_does_not_end(grown: Grown) -> None:
    chunk = b"%x\r\n%s\r\n" % (65_536, b" " * 65_536)
    sent = 0
    with socket.create_connection(("127.0.0.1", grown.server.port), 10) as connection:
        connection.sendall(post("Transfer-Encoding: chunked"))
        try:
            while sent < 200_000_000:
                connection.sendall(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        answer = read_all(connection)
    # It is read on for a while so that the sender hears of the answer, then cut off.
    assert 2 * MIB < sent < 200_000_000
    assert not answer or parsed(answer).status == 413
    grown.check(20)


def test_a_chunked_body_over_2_mib_is_413(server: Server) -> None:
    chunk = b"%x\r\n%s\r\n" % (65_536, b" " * 65_536)
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(post("Transfer-Encoding: chunked") + chunk * 33)
        reply = read_one(connection)
    assert (reply.status, reply.code) == (413, "body_too_large")


@pytest.mark.parametrize("size", [2 * MIB + 1, 3 * MIB, 2**31, 2**40])
def test_a_length_over_2_mib_is_413_before_the_body_comes(server: Server, size: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(post(f"Content-Length: {size}"))
        reply = read_one(connection)
    assert (reply.status, reply.code) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/nowhere", "/v1/system", "/v1/claims", "/livez"])
def test_a_body_that_nobody_asked_for_is_not_kept(grown: Grown, path: str) -> None:
    piece = b" " * 65_536
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", grown.server.port), 10) as connection:
            size = 30 * MIB
            connection.sendall(head("GET", path, f"Content-Length: {size}"))
            for _ in range(size // len(piece)):
                connection.sendall(piece)
            connection.sendall(head("GET", "/livez", "Connection: close"))
            assert read_all(connection).endswith(b'{"live":true}')
    grown.check(20)


def test_heads_without_an_end_on_many_connections(grown: Grown) -> None:
    for _ in range(5):
        crowd = [socket.create_connection(("127.0.0.1", grown.server.port)) for _ in range(100)]
        for one in crowd:
            one.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"x" * 60_000)
        for one in crowd:
            one.close()
    grown.check(40)


@pytest.mark.slow
def test_bodies_that_stop_on_many_connections(grown: Grown) -> None:
    crowd = [socket.create_connection(("127.0.0.1", grown.server.port), 10) for _ in range(100)]
    for one in crowd:
        one.sendall(post("Content-Length: 2000000") + b" " * 300_000)
    for one in crowd:
        assert parsed(read_all(one)).status == 408
        one.close()
    grown.check(120)


def unread(server: Server, data: bytes) -> socket.socket:
    """A connection on which `data` is sent until the server takes no more, and nothing is read."""
    connection = socket.create_connection(("127.0.0.1", server.port), 1)
    try:
        while True:
            connection.sendall(data)
    except (TimeoutError, ConnectionError):
        return connection


LARGE, SMALL = head("GET", "/v1/queues/large/top"), head("GET", "/livez") * 10_000


def test_clients_that_do_not_read_their_answers_are_bounded(grown: Grown) -> None:
    create_many(grown.server.api(), "large", 5, payload="x" * 200_000)
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(unread(grown.server, SMALL))
        stack.enter_context(unread(grown.server, LARGE))
        grown.check(40)


@pytest.mark.slow
def test_a_client_that_does_not_read_its_answers_is_cut_off(start: Start) -> None:
    server = start()
    create_many(server.api(), "large", 5, payload="x" * 200_000)
    with unread(server, LARGE) as connection:
        time.sleep(33)
        connection.settimeout(10)
        began = time.monotonic()
        # What stood in the socket's own buffers, and then the end.
        assert len(read_all(connection)) > 0
        assert time.monotonic() - began < 5
    assert server.is_up()


def test_many_queues_and_keys_that_do_not_exist(grown: Grown) -> None:
    api = grown.server.api()
    for i in range(300):
        api.get(f"/v1/queues/unknown-{i}-{'x' * 100}")
        api.get("/v1/jobs", {"Authorization": f"Bearer jh_unknown{i}_{'x' * 100}"})
        api.call("DELETE", f"/v1/keys/{i}{'x' * 5_000}")
    grown.check(20)


@pytest.mark.slow
def test_a_long_life_does_not_grow(grown: Grown) -> None:
    api: Api = grown.server.api()

    def run(part: int) -> None:
        for i in range(200):
            job = running(api, f"life.{part}", payload="x" * 1_000)
            body = {"lease": job["lease"]["token"], "status": "succeeded", "result": i}
            assert api.patch(f"/v1/jobs/{job['id']}", body).status == 200
            api.post("/v1/jobs", json.dumps({"queue": i}).encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
        grown.check(100)
        before = grown.server.memory()
        list(pool.map(run, range(8)))
    assert grown.server.memory() - before < 15 * MIB
