"""No call waits without bound, and only what is safe to repeat is repeated."""

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

import pytest
from fake_http import Behaviour, Handler, answer, drop, hang, problem, serving, text, trickle

from jobhopper import (
    ApiError,
    ClaimedJob,
    Client,
    Conflict,
    ConnectionFailed,
    LeaseLost,
    NoAnswer,
    TLSFailed,
    Unavailable,
    UnexpectedAnswer,
)

CREATED = answer(202, {"id": "x", "receipt": "rabbitmq", "duplicate": False})
JOB = answer(200, {"id": "x", "status": "queued"})
NO_JOBS = answer(200, {"jobs": []})
UPDATED = answer(202, {"id": "x", "receipt": "rabbitmq"})

CLAIMED = ClaimedJob.from_wire(
    {
        "id": "x",
        "queue": "mail",
        "type": "welcome",
        "payload": None,
        "priority": 5,
        "run_at": "2026-11-24T06:00:00.000000Z",
        "attempt": 1,
        "max_attempts": 5,
        "progress": None,
        "created_at": "2026-11-24T06:00:00.000000Z",
        "traceparent": None,
        "provisional": False,
        "lease": {"token": "jl1.token", "expires_at": "2026-11-24T06:01:00.000000Z"},
    }
)

Call = Callable[[Client], object]

REPEATABLE: dict[str, tuple[Call, Behaviour]] = {
    "read": (lambda client: client.job("x"), JOB),
    "create": (lambda client: client.create("mail", "welcome"), CREATED),
    "succeed": (lambda client: client.succeed(CLAIMED), UPDATED),
}
ONCE: dict[str, tuple[Call, Behaviour]] = {
    "claim": (lambda client: client.claim("mail"), NO_JOBS),
    "redrive": (lambda client: client.redrive("x"), JOB),
}
ALL = REPEATABLE | ONCE


@contextmanager
def _client(url: str, timeout: float = 5, retry_for: float = 5) -> Iterator[Client]:
    with Client(url, "jh_a_b", timeout=timeout, retry_for=retry_for) as client:
        yield client


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("name", ALL)
def test_nothing_listens(name: str) -> None:
    url = f"http://127.0.0.1:{_free_port()}"
    with (
        _client(url, retry_for=0.3) as client,
        _at_most(2),
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
        with _client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            ALL[name][0](client)
    finally:
        server.join()
        listener.close()


@pytest.mark.parametrize("name", REPEATABLE)
def test_a_lost_answer_is_asked_for_again(name: str) -> None:
    call, good = REPEATABLE[name]
    with serving(drop, drop, good) as server, _client(server.url) as client:
        call(client)
        assert len(server.seen) == 3
        assert len({(seen.method, seen.target, seen.body) for seen in server.seen}) == 1


@pytest.mark.parametrize("name", ONCE)
def test_what_is_not_safe_to_repeat_is_sent_once(name: str) -> None:
    call, good = ONCE[name]
    with (
        serving(drop, good) as server,
        _client(server.url) as client,
        pytest.raises(ConnectionFailed) as caught,
    ):
        call(client)
    assert caught.value.sent
    assert len(server.seen) == 1


def test_every_create_has_a_key_and_its_repeat_the_same() -> None:
    with serving(drop, CREATED) as server, _client(server.url) as client:
        client.create("mail", "welcome")
        client.create("mail", "welcome")
        keys = [seen.headers["Idempotency-Key"] for seen in server.seen]
    assert keys[0] == keys[1] != keys[2]
    assert uuid.UUID(keys[0]).version == 7


def test_a_callers_own_key_is_kept() -> None:
    with serving(CREATED) as server, _client(server.url) as client:
        client.create("mail", "welcome", idempotency_key="order-17")
        assert server.seen[0].headers["Idempotency-Key"] == "order-17"


@pytest.mark.parametrize("name", ALL)
def test_unavailable_is_tried_again_when_the_server_says(name: str) -> None:
    call, good = ALL[name]
    busy = problem(503, "unavailable", Retry_After="1")
    with serving(busy, good) as server, _client(server.url) as client:
        began = time.monotonic()
        call(client)
        assert time.monotonic() - began >= 1
        assert len(server.seen) == 2


@pytest.mark.parametrize("name", ALL)
def test_a_wait_beyond_the_bound_is_not_begun(name: str) -> None:
    busy = problem(503, "unavailable", Retry_After="60")
    with (
        serving(busy) as server,
        _client(server.url) as client,
        _at_most(1),
        pytest.raises(Unavailable) as caught,
    ):
        ALL[name][0](client)
    assert caught.value.retry_after == 60
    assert len(server.seen) == 1


def test_tries_end_at_the_bound() -> None:
    with (
        serving(problem(503, "unavailable")) as server,
        _client(server.url, retry_for=1) as client,
        _at_most(2),
        pytest.raises(Unavailable),
    ):
        client.job("x")
    # 0.05 to 0.1 s, then up to double, each time.
    assert 4 <= len(server.seen) <= 7


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_unknown_outcome_is_repeated_only_where_harmless(status: int) -> None:
    unknown = problem(status, "outcome_unknown" if status == 503 else "")
    with serving(unknown, CREATED) as server, _client(server.url) as client:
        assert client.create("mail", "welcome") == "x"
    with (
        serving(unknown, NO_JOBS) as server,
        _client(server.url) as client,
        pytest.raises(Unavailable),
    ):
        client.claim("mail")
    assert len(server.seen) == 1


def test_an_operator_waits_for_a_job_on_its_way() -> None:
    early = problem(409, "not_yet_persisted", Retry_After="0")
    with serving(early, JOB) as server, _client(server.url) as client:
        client.cancel("x")
        assert len(server.seen) == 2


@pytest.mark.parametrize("code", ["wrong_status", "running"])
def test_a_conflict_is_not_repeated(code: str) -> None:
    with (
        serving(problem(409, code)) as server,
        _client(server.url) as client,
        pytest.raises(Conflict),
    ):
        client.redrive("x")
    assert len(server.seen) == 1


def test_a_refused_repeat_says_that_the_first_may_have_counted() -> None:
    with (
        serving(drop, problem(409, "not_running")) as server,
        _client(server.url) as client,
        pytest.raises(LeaseLost) as caught,
    ):
        client.succeed(CLAIMED)
    assert caught.value.repeated
    with (
        serving(problem(409, "not_running")) as server,
        _client(server.url) as client,
        pytest.raises(LeaseLost) as caught,
    ):
        client.succeed(CLAIMED)
    assert not caught.value.repeated


@pytest.mark.parametrize("behaviour", [hang, trickle])
@pytest.mark.parametrize("name", ALL)
def test_a_server_that_never_ends_its_answer(name: str, behaviour: Behaviour) -> None:
    with (
        serving(behaviour) as server,
        _client(server.url, timeout=0.3, retry_for=0) as client,
        _at_most(2),
        pytest.raises(NoAnswer) as caught,
    ):
        ALL[name][0](client)
    assert server.url in str(caught.value)
    assert "0.3 s" in str(caught.value)


def test_a_claim_that_waits_has_the_more_time() -> None:
    def late(handler: Handler) -> None:
        time.sleep(0.6)
        NO_JOBS(handler)

    with serving(late) as server, _client(server.url, timeout=0.2, retry_for=0) as client:
        assert client.claim("mail", wait=2) == []


def test_a_waiting_call_can_be_broken_off() -> None:
    with (
        serving(hang) as server,
        _client(server.url, retry_for=0) as client,
        _at_most(3),
        ThreadPoolExecutor() as threads,
    ):
        waiting = threads.submit(client.claim, "mail", wait=30)
        while not server.seen:
            time.sleep(0.01)
        client.abort()
        with pytest.raises(ConnectionFailed):
            waiting.result(timeout=2)


def test_connections_are_kept() -> None:
    with serving(JOB) as server, _client(server.url) as client:
        for _ in range(20):
            client.job("x")
        assert len(server.seen) == 20
        assert len(server.connections) == 1


def test_threads_may_share_a_client() -> None:
    def echo(handler: Handler) -> None:
        answer(200, {"id": handler.path.rsplit("/", 1)[1], "status": "queued"})(handler)

    with serving(echo) as server, _client(server.url) as client, ThreadPoolExecutor(8) as threads:
        names = [f"job-{number}" for number in range(200)]
        assert [job.id for job in threads.map(client.job, names)] == names
        assert len(server.connections) <= 8


def test_a_connection_that_the_server_closed_meanwhile_does_no_harm() -> None:
    def last(handler: Handler) -> None:
        NO_JOBS(handler)
        handler.close_connection = True

    with serving(last, NO_JOBS) as server, _client(server.url, retry_for=0) as client:
        client.claim("mail")
        time.sleep(0.1)
        client.claim("mail")
        assert len(server.connections) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        text(200, b"<html>Welcome</html>"),
        answer(200, {"hello": 1}),
        answer(200, [1]),
        text(200, b""),
    ],
    ids=["a web page", "other fields", "another shape", "nothing"],
)
def test_another_service(behaviour: Behaviour) -> None:
    with (
        serving(behaviour) as server,
        _client(server.url) as client,
        pytest.raises(UnexpectedAnswer, match="does not answer like a Jobhopper server"),
    ):
        client.job("x")
    assert len(server.seen) == 1


def test_the_key_does_not_follow_a_redirect() -> None:
    with serving(JOB) as elsewhere:
        moved = answer(302, {}, Location=elsewhere.url + "/v1/jobs/x")
        with (
            serving(moved) as server,
            _client(server.url) as client,
            pytest.raises(ApiError) as caught,
        ):
            client.job("x")
        assert caught.value.status == 302
        assert elsewhere.seen == []


def test_tls_that_fails_is_not_tried_again() -> None:
    with serving(JOB) as server:
        url = server.url.replace("http:", "https:")
        with _client(url) as client, _at_most(2), pytest.raises(TLSFailed, match="https"):
            client.job("x")


def test_the_key_is_sent_and_the_path_below_which_the_server_sits() -> None:
    with serving(JOB) as server, _client(server.url + "/below/") as client:
        client.job("x")
        assert server.seen[0].target == "/below/v1/jobs/x"
        assert server.seen[0].headers["Authorization"] == "Bearer jh_a_b"
