"""No call waits without bound, and only what is safe to repeat is repeated."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from client_fake_http import Behaviour, Handler, answer, hang, serving, text, trickle
from client_samples import ALL, JOB, NO_JOBS, at_most, client_of

from jobhopper import (
    ApiError,
    ConnectionFailed,
    NoAnswer,
    TLSFailed,
    UnexpectedAnswer,
)


@pytest.mark.parametrize("behaviour", [hang, trickle])
@pytest.mark.parametrize("name", ALL)
def test_a_server_that_never_ends_its_answer(name: str, behaviour: Behaviour) -> None:
    with (
        serving(behaviour) as server,
        client_of(server.url, timeout=0.3, retry_for=0) as client,
        at_most(2),
        pytest.raises(NoAnswer) as caught,
    ):
        ALL[name][0](client)
    assert server.url in str(caught.value)
    assert "0.3 s" in str(caught.value)


def test_a_claim_that_waits_has_the_more_time() -> None:
    def late(handler: Handler) -> None:
        time.sleep(0.6)
        NO_JOBS(handler)

    with serving(late) as server, client_of(server.url, timeout=0.2, retry_for=0) as client:
        assert client.claim("mail", wait=2) == []


def test_a_waiting_call_can_be_broken_off() -> None:
    with (
        serving(hang) as server,
        client_of(server.url, retry_for=0) as client,
        at_most(3),
        ThreadPoolExecutor() as threads,
    ):
        waiting = threads.submit(client.claim, "mail", wait=30)
        while not server.seen:
            time.sleep(0.01)
        client.abort()
        with pytest.raises(ConnectionFailed):
            waiting.result(timeout=2)


def test_connections_are_kept() -> None:
    with serving(JOB) as server, client_of(server.url) as client:
        for _ in range(20):
            client.job("x")
        assert len(server.seen) == 20
        assert len(server.connections) == 1


def test_threads_may_share_a_client() -> None:
    def echo(handler: Handler) -> None:
        answer(200, {"id": handler.path.rsplit("/", 1)[1], "status": "queued"})(handler)

    with serving(echo) as server, client_of(server.url) as client, ThreadPoolExecutor(8) as threads:
        names = [f"job-{number}" for number in range(200)]
        assert [job.id for job in threads.map(client.job, names)] == names
        assert len(server.connections) <= 8


def test_a_connection_that_the_server_closed_meanwhile_does_no_harm() -> None:
    def last(handler: Handler) -> None:
        NO_JOBS(handler)
        handler.close_connection = True

    with serving(last, NO_JOBS) as server, client_of(server.url, retry_for=0) as client:
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
        client_of(server.url) as client,
        pytest.raises(UnexpectedAnswer, match="does not answer like a Jobhopper server"),
    ):
        client.job("x")
    assert len(server.seen) == 1


def test_the_key_does_not_follow_a_redirect() -> None:
    with serving(JOB) as elsewhere:
        moved = answer(302, {}, Location=elsewhere.url + "/v1/jobs/x")
        with (
            serving(moved) as server,
            client_of(server.url) as client,
            pytest.raises(ApiError) as caught,
        ):
            client.job("x")
        assert caught.value.status == 302
        assert elsewhere.seen == []


def test_tls_that_fails_is_not_tried_again() -> None:
    with serving(JOB) as server:
        url = server.url.replace("http:", "https:")
        with client_of(url) as client, at_most(2), pytest.raises(TLSFailed, match="https"):
            client.job("x")


def test_the_key_is_sent_and_the_path_below_which_the_server_sits() -> None:
    with serving(JOB) as server, client_of(server.url + "/below/") as client:
        client.job("x")
        assert server.seen[0].target == "/below/v1/jobs/x"
        assert server.seen[0].headers["Authorization"] == "Bearer jh_a_b"
