"""A server without keys: for this machine alone, by its own names."""

import pytest

from .caller import exchange, head, parsed
from .conftest import ADMIN_KEY, Start
from .server import Server


def test_a_host_that_others_reach_is_served_with_a_key(start: Start) -> None:
    server = start("--host", "0.0.0.0", settings={"JOBHOPPER_ADMIN_KEY": ADMIN_KEY})  # noqa: S104
    lines = (f"Authorization: Bearer {ADMIN_KEY}", "Connection: close")
    for host in ("jobs.example.org", "192.0.2.7:8080"):
        data = head("GET", "/v1/system", *lines).replace(b"localhost", host.encode())
        assert parsed(exchange(server.port, data)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "192.0.2.7",
        "0.0.0.0",  # noqa: S104
        "[::2]",
        "localhost:1:2",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/metrics", "/openapi.json", "/nowhere"])
def test_an_open_server_answers_to_this_machine_alone(server: Server, host: str, path: str) -> None:
    """A page in a browser could make its own name lead here."""
    data = head("GET", path, "Connection: close").replace(b"localhost", host.encode())
    reply = parsed(exchange(server.port, data))
    assert (reply.status, reply.code) == (421, "misdirected_request")


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"]
)
def test_an_open_server_answers_to_the_names_of_this_machine(server: Server, host: str) -> None:
    data = head("GET", "/v1/jobs", "Connection: close").replace(b"localhost", host.encode())
    assert parsed(exchange(server.port, data)).status == 200


def test_a_host_is_asked_for(server: Server) -> None:
    data = b"GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert parsed(exchange(server.port, data)).status == 421


@pytest.mark.parametrize("value", ["Bearer whatever", "Basic eDp5"])
def test_an_open_server_does_not_let_a_wrong_key_pass(server: Server, value: str) -> None:
    """Who sends a key means a server that knows it."""
    assert server.api().get("/v1/jobs", {"Authorization": value}).status == 401
