"""Clients that take their time are given up, and hold up nobody."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .caller import Api, Reply, exchange, head, parsed, read_all, read_one
from .server import Server
from .steps import create

JSON = "Content-Type: application/json"
Timed = tuple[Reply, float]


def post(*lines: str, body: bytes = b"", path: str = "/v1/jobs") -> bytes:
    return head("POST", path, JSON, *lines) + body


def stopping(port: int, data: bytes) -> Timed:
    """Sends `data` and no more, until an answer comes."""
    began = time.monotonic()
    return parsed(exchange(port, data)), time.monotonic() - began


def dripping(port: int, data: bytes) -> Timed:
    """Sends `data`, then a few bytes now and then, until an answer comes."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 0.4) as connection:
        connection.sendall(data)
        answer = b""
        while not answer and time.monotonic() - began < 20:
            answer = read_all(connection)
            if not answer:
                connection.sendall(b"X: y\r\n")
    return parsed(answer), time.monotonic() - began


def abandoning(port: int, data: bytes) -> Timed:
    """Is answered before its body has come whole, sends a little more of it, then nothing."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(data)
        reply = read_one(connection)
        connection.sendall(b" ")
        assert read_all(connection) == b""
    return reply, time.monotonic() - began


def await_all(server: Server, pool: ThreadPoolExecutor, work: list[object]) -> list[Timed]:
    """Runs all at once; meanwhile the server has to answer others at once."""
    runs = [pool.submit(*one) for one in work]  # type: ignore[misc]
    api = server.api()
    while not all(run.done() for run in runs):
        began = time.monotonic()
        assert api.get("/livez").status == 200
        assert time.monotonic() - began < 1
        time.sleep(0.1)
    return [run.result() for run in runs]


def test_a_body_that_does_not_come_is_408_within_a_few_seconds(server: Server) -> None:
    work: list[object] = [
        (stopping, server.port, post("Content-Length: 100", body=b'{"queue"')),
        (stopping, server.port, post("Transfer-Encoding: chunked", body=b"5\r\n{")),
        (dripping, server.port, post("Content-Length: 9999")),
    ]
    with ThreadPoolExecutor(len(work)) as pool:
        for reply, took in await_all(server, pool, work):
            assert (reply.status, reply.code) == (408, "request_timeout")
            assert reply.headers["connection"] == "close"
            assert 2.5 < took < 5


@pytest.mark.slow
def test_a_head_that_does_not_come_is_408_after_ten_seconds(server: Server) -> None:
    started = b"GET /livez HTTP/1.1\r\n"
    stops = [b"", b"G", b"\r\n\r\n", started, started + b"Host: local"]
    work: list[object] = [(stopping, server.port, data) for data in stops]
    work += [(dripping, server.port, started)] * 2
    with ThreadPoolExecutor(len(work)) as pool:
        for reply, took in await_all(server, pool, work):
            assert (reply.status, reply.code) == (408, "request_timeout")
            assert 9 < took < 13


@pytest.mark.slow
def test_what_is_left_of_a_body_has_ten_seconds_after_the_answer(server: Server) -> None:
    too_large = post("Content-Length: 3000000", body=b"{")
    nowhere = post("Content-Length: 10", body=b"{", path="/nowhere")
    work: list[object] = [(abandoning, server.port, too_large), (abandoning, server.port, nowhere)]
    with ThreadPoolExecutor(len(work)) as pool:
        results = await_all(server, pool, work)
    assert [reply.status for reply, _ in results] == [413, 404]
    assert all(9 < took < 13 for _, took in results)


@pytest.mark.slow
def test_a_claim_that_waits_is_answered_though_half_a_request_follows(
    server: Server, api: Api, queue: str
) -> None:
    body = json.dumps({"queues": [queue], "wait": 20}).encode()
    data = post(f"Content-Length: {len(body)}", body=body, path="/v1/claims")
    with socket.create_connection(("127.0.0.1", server.port), 15) as connection:
        connection.sendall(data + b"GET /li")
        time.sleep(11)
        id_ = create(api, queue)
        (job,) = read_one(connection).json["jobs"]
    assert job["id"] == id_
