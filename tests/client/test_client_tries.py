"""Only what is safe to repeat is repeated, as long as it may help."""

import socket
import time
import uuid
from threading import Thread

import pytest
from client_fake_http import drop, problem, serving
from client_samples import ALL, CLAIMED, CREATED, JOB, NO_JOBS, ONCE, REPEATABLE, at_most, client_of

from jobhopper import (
    Conflict,
    ConnectionFailed,
    LeaseLost,
    Unavailable,
)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("name", ALL)
def test_nothing_listens(name: str) -> None:
    url = f"http://127.0.0.1:{_free_port()}"
    with (
        client_of(url, retry_for=0.3) as client,
        at_most(2),
        pytest.raises(ConnectionFailed) as caught,
    ):
        ALL[name][0](client)
    assert url in str(caught.value)
    assert "connection refused" in str(caught.value)
    assert "jobhopper dev" in str(caught.value)
    assert "JOBHOPPER_URL" in str(caught.value)
    assert not caught.value.sent


@pytest.mark.parametrize("name", ALL)
def test_a_server_that_comes_up_a_moment_later_is_found(name: str) -> None:
    """As nothing was sent before, even a claim is tried again."""
    body = b'{"id":"x","status":"queued","jobs":[]}'
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))

    def come_up() -> None:
        time.sleep(0.5)
        listener.listen()
        with listener.accept()[0] as connection:
            connection.recv(65536)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    server = Thread(target=come_up)
    server.start()
    try:
        with client_of(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            ALL[name][0](client)
    finally:
        server.join()
        listener.close()


@pytest.mark.parametrize("name", REPEATABLE)
def test_a_lost_answer_is_asked_for_again(name: str) -> None:
    call, good = REPEATABLE[name]
    with serving(drop, drop, good) as server, client_of(server.url) as client:
        call(client)
        assert len(server.seen) == 3
        assert len({(seen.method, seen.target, seen.body) for seen in server.seen}) == 1


@pytest.mark.parametrize("name", ONCE)
def test_what_is_not_safe_to_repeat_is_sent_once(name: str) -> None:
    call, good = ONCE[name]
    with (
        serving(drop, good) as server,
        client_of(server.url) as client,
        pytest.raises(ConnectionFailed) as caught,
    ):
        call(client)
    assert caught.value.sent
    assert len(server.seen) == 1


def test_every_create_has_a_key_and_its_repeat_the_same() -> None:
    with serving(drop, CREATED) as server, client_of(server.url) as client:
        client.create("mail", "welcome")
        client.create("mail", "welcome")
        keys = [seen.headers["Idempotency-Key"] for seen in server.seen]
    assert keys[0] == keys[1] != keys[2]
    assert uuid.UUID(keys[0]).version == 7


def test_a_callers_own_key_is_kept() -> None:
    with serving(CREATED) as server, client_of(server.url) as client:
        client.create("mail", "welcome", idempotency_key="order-17")
        assert server.seen[0].headers["Idempotency-Key"] == "order-17"


@pytest.mark.parametrize("name", ALL)
def test_unavailable_is_tried_again_when_the_server_says(name: str) -> None:
    call, good = ALL[name]
    busy = problem(503, "unavailable", Retry_After="1")
    with serving(busy, good) as server, client_of(server.url) as client:
        began = time.monotonic()
        call(client)
        assert time.monotonic() - began >= 1
        assert len(server.seen) == 2


@pytest.mark.parametrize("name", ALL)
def test_a_wait_beyond_the_bound_is_not_begun(name: str) -> None:
    busy = problem(503, "unavailable", Retry_After="60")
    with (
        serving(busy) as server,
        client_of(server.url) as client,
        at_most(1),
        pytest.raises(Unavailable) as caught,
    ):
        ALL[name][0](client)
    assert caught.value.retry_after == 60
    assert len(server.seen) == 1


def test_tries_end_at_the_bound() -> None:
    with (
        serving(problem(503, "unavailable")) as server,
        client_of(server.url, retry_for=1) as client,
        at_most(2),
        pytest.raises(Unavailable),
    ):
        client.job("x")
    # 0.05 to 0.1 s, then up to double, each time.
    assert 4 <= len(server.seen) <= 7


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_unknown_outcome_is_repeated_only_where_harmless(status: int) -> None:
    unknown = problem(status, "outcome_unknown" if status == 503 else "")
    with serving(unknown, CREATED) as server, client_of(server.url) as client:
        assert client.create("mail", "welcome") == "x"
    with (
        serving(unknown, NO_JOBS) as server,
        client_of(server.url) as client,
        pytest.raises(Unavailable),
    ):
        client.claim("mail")
    assert len(server.seen) == 1


def test_an_operator_waits_for_a_job_on_its_way() -> None:
    early = problem(409, "not_yet_persisted", Retry_After="0")
    with serving(early, JOB) as server, client_of(server.url) as client:
        client.cancel("x")
        assert len(server.seen) == 2


@pytest.mark.parametrize("code", ["wrong_status", "running"])
def test_a_conflict_is_not_repeated(code: str) -> None:
    with (
        serving(problem(409, code)) as server,
        client_of(server.url) as client,
        pytest.raises(Conflict),
    ):
        client.redrive("x")
    assert len(server.seen) == 1


def test_a_refused_repeat_says_that_the_first_may_have_counted() -> None:
    with (
        serving(drop, problem(409, "not_running")) as server,
        client_of(server.url) as client,
        pytest.raises(LeaseLost) as caught,
    ):
        client.succeed(CLAIMED)
    assert caught.value.repeated
    with (
        serving(problem(409, "not_running")) as server,
        client_of(server.url) as client,
        pytest.raises(LeaseLost) as caught,
    ):
        client.succeed(CLAIMED)
    assert not caught.value.repeated
