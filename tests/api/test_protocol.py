"""What is not quite HTTP: everything is answered, nothing hangs, nobody else is disturbed."""

import json
import os
import re
import socket
import time

import pytest

from .caller import Api, exchange, head, parsed, read_all
from .server import Server
from .steps import claim, depth

JSON = "Content-Type: application/json"
CLOSE = "Connection: close"
BODY = b'{"queue":"unused","type":"t","colour":1}'


def post(*lines: str, body: bytes = BODY, path: str = "/v1/jobs") -> bytes:
    return head("POST", path, JSON, *lines) + body


def sized(*lines: str, body: bytes = BODY, path: str = "/v1/jobs") -> bytes:
    return post(f"Content-Length: {len(body)}", *lines, body=body, path=path)


NOT_HTTP = {
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "words": b"hello, is anybody there?\r\n\r\n",
    "noise": bytes(range(256)) * 4,
    "no method": b" /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method in pieces": b"FETCH",
    "unknown version": b"GET /livez HTTP/7.7\r\nHost: localhost\r\n\r\n",
    "a space in the path": head("GET", "/v1/a b"),
    "bytes in the path": b"GET /v1/\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bare line feeds": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "a folded header": head("GET", "/livez", "X: a\r\n b"),
    "a NUL in a header": head("GET", "/livez", "X: a\x00b"),
    "a control in a header": head("GET", "/livez", "X: a\x01b"),
    "a header without a colon": head("GET", "/livez", "nonsense"),
    "a space before the colon": head("GET", "/livez", "X : y"),
    "a negative length": post("Content-Length: -5"),
    "a length with a sign": post("Content-Length: +5"),
    "a length in words": post("Content-Length: five"),
    "a length past all numbers": post("Content-Length: " + "9" * 30),
    "two lengths": post("Content-Length: 5", "Content-Length: 6"),
    "a length and chunks": post("Content-Length: 5", "Transfer-Encoding: chunked"),
    "an unknown transfer": post("Transfer-Encoding: gzip"),
    "a chunk without a size": post("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n"),
    "a chunk of a wrong size": post("Transfer-Encoding: chunked", body=b"2\r\n{}}}}}\r\n"),
    "a chunk past all numbers": post("Transfer-Encoding: chunked", body=b"F" * 20 + b"\r\n"),
}


@pytest.mark.parametrize("what", NOT_HTTP)
def test_what_is_not_http_is_a_400_problem(server: Server, what: str) -> None:
    began = time.monotonic()
    reply = parsed(exchange(server.port, NOT_HTTP[what]))
    assert (reply.status, reply.code) == (400, "bad_request")
    assert reply.headers["connection"] == "close"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("method", ["FETCH", "get", "Get", "GETT", "X-MINE", "{}"])
def test_a_method_that_nobody_knows_is_405(server: Server, method: str) -> None:
    reply = parsed(exchange(server.port, head(method, "/v1/jobs")))
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "get, post, patch, delete"
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("size", [64 * 1024, 100_000, 1_000_000])
def test_a_head_over_64_kib_is_431(server: Server, size: int) -> None:
    reply = parsed(exchange(server.port, head("GET", "/livez", "X: " + "x" * size)))
    assert (reply.status, reply.code) == (431, "head_too_large")


def test_a_head_without_an_end_is_431(server: Server) -> None:
    began = time.monotonic()
    reply = parsed(exchange(server.port, head("GET", "/livez")[:-2] + b"X: " + b"x" * 600_000))
    assert (reply.status, reply.code) == (431, "head_too_large")
    assert time.monotonic() - began < 2


def test_many_small_headers_over_64_kib_are_431(server: Server) -> None:
    lines = [f"X-{i}: y" for i in range(10_000)]
    assert parsed(exchange(server.port, head("GET", "/livez", *lines))).status == 431


def test_a_head_of_almost_64_kib_is_taken(server: Server) -> None:
    data = head("GET", "/livez", "X: " + "x" * 64_000, CLOSE)
    assert parsed(exchange(server.port, data)).status == 200
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        for at in range(0, len(data), 8_192):
            connection.sendall(data[at : at + 8_192])
            time.sleep(0.005)
        assert parsed(read_all(connection)).status == 200


@pytest.mark.parametrize("size", [5_000, 60_000, 70_000, 300_000])
def test_a_very_long_url_is_refused(server: Server, size: int) -> None:
    for path in ("/" + "a" * size, "/v1/jobs?queue=" + "a" * size, "/v1/jobs/" + "a" * size):
        reply = parsed(exchange(server.port, head("GET", path, CLOSE)))
        assert reply.status in {400, 404, 422, 431}
        assert size < 64_000 or reply.status in {400, 431}


def test_a_body_that_ends_early_creates_nothing(server: Server, api: Api, queue: str) -> None:
    body = json.dumps({"queue": queue, "type": "t"}).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(post(f"Content-Length: {len(body) + 1}", body=body))
    assert api.get(f"/v1/queues/{queue}").status == 404


def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one(
    server: Server, api: Api, queue: str
) -> None:
    """Java's HTTP client asks for HTTP/2 with its first request, whatever its method."""
    body = json.dumps({"queue": queue, "type": "t"}).encode()
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    whole = sized(*upgrade, body=body)
    split = len(whole) - len(body)
    for pieces in ([whole], [whole[:split], body], [whole[:30], whole[30:split], body]):
        with socket.create_connection(("127.0.0.1", server.port), 1) as connection:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.05)
            connection.sendall(head("GET", "/livez", CLOSE))
            data = read_all(connection)
        assert parsed(data).status == 201
        assert data.count(b"HTTP/1.1 ") == 2
        assert data.endswith(b'{"live":true}')
    chunked = (*upgrade, "Transfer-Encoding: chunked")
    pieces_ = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert parsed(exchange(server.port, post(*chunked, body=pieces_), timeout=1)).status == 201
    assert depth(api, queue) == {"queued": 4}


def test_the_body_of_such_a_request_is_not_taken_for_another(
    server: Server, api: Api, queue: str
) -> None:
    hidden = sized(body=json.dumps({"queue": queue, "type": "t"}).encode())
    lines = ("Connection: Upgrade", "Upgrade: websocket")
    with socket.create_connection(("127.0.0.1", server.port), 1) as connection:
        outer = sized(*lines, body=hidden)
        connection.sendall(outer[: -len(hidden)])
        time.sleep(0.1)
        connection.sendall(hidden)
        assert parsed(read_all(connection)).status == 422
    assert api.get(f"/v1/queues/{queue}").status == 404


@pytest.mark.parametrize("close", [[CLOSE], ["Connection: Upgrade, close", "Upgrade: h2c"]])
def test_close_is_heeded(server: Server, close: list[str]) -> None:
    began = time.monotonic()
    assert parsed(exchange(server.port, head("GET", "/livez", *close))).status == 200
    assert time.monotonic() - began < 2


def test_a_body_may_come_in_chunks(server: Server, api: Api, queue: str) -> None:
    body = json.dumps({"queue": queue, "type": "t", "payload": "p" * 5_000}).encode()
    pieces = b"".join(
        b"%x;note=1\r\n%s\r\n" % (len(body[at : at + 97]), body[at : at + 97])
        for at in range(0, len(body), 97)
    )
    data = post("Transfer-Encoding: chunked", CLOSE, body=pieces + b"0\r\n\r\n")
    assert parsed(exchange(server.port, data)).status == 201
    (job,) = claim(api, queue)
    assert job["payload"] == "p" * 5_000


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_a_client_that_asks_before_it_sends_is_told_to_go_on(server: Server, expect: str) -> None:
    data = sized(f"Expect: {expect}", CLOSE)
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(data[: -len(BODY)])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert parsed(read_all(connection)).status == 422


def test_a_client_that_asks_before_it_sends_too_much_is_told_at_once(server: Server) -> None:
    data = post("Content-Length: 3000000", "Expect: 100-continue", body=b"")
    reply = parsed(exchange(server.port, data))
    assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_requests_may_come_in_a_row_without_waiting(server: Server) -> None:
    live = head("GET", "/livez")
    row = live * 3 + sized() + head("GET", "/nowhere") + head("GET", "/livez", CLOSE)
    data = exchange(server.port, row)
    assert re.findall(rb"HTTP/1\.1 (\d+)", data) == b"200 200 200 422 404 200".split()


def test_who_sends_far_ahead_gets_some_answers_and_then_the_end(server: Server) -> None:
    data = exchange(server.port, head("GET", "/livez") * 1_000)
    assert 10 < data.count(b"HTTP/1.1 200 OK") < 100
    assert data.count(b"HTTP/1.1 ") == data.count(b'{"live":true}')
    assert data.count(b"connection: close") == 1


def test_answers_come_in_order_when_what_follows_is_not_http(
    server: Server, api: Api, queue: str
) -> None:
    body = json.dumps({"queue": queue, "type": "t"}).encode()
    data = exchange(server.port, sized(body=body) + b"\x00\x01nonsense\r\n\r\n")
    reply = parsed(data)
    assert (reply.status, reply.headers["connection"]) == (201, "close")
    assert data.count(b"HTTP/1.1 ") == 1
    assert depth(api, queue) == {"queued": 1}


def test_connections_that_are_dropped_at_any_byte_do_no_harm(server: Server) -> None:
    whole = sized()
    for at in range(0, len(whole), 7):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(whole[:at])
    assert server.is_up()


def test_a_refused_body_is_read_on_so_that_its_sender_hears_of_it(server: Server) -> None:
    size = 20 * 1024 * 1024
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(post(f"Content-Length: {size}", body=b""))
        for _ in range(size // 65_536):
            connection.sendall(b" " * 65_536)
        connection.sendall(head("GET", "/livez", CLOSE))
        data = read_all(connection)
    assert (parsed(data).status, parsed(data).code) == (413, "body_too_large")
    assert data.endswith(b'{"live":true}')
