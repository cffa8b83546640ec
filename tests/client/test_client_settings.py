"""A wrong setting is told at once, with the variable's name and never with the key."""

import pytest

from jobhopper import Client, InvalidArgument


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBHOPPER_URL", raising=False)
    monkeypatch.delenv("JOBHOPPER_KEY", raising=False)


def test_defaults() -> None:
    assert Client().url == "http://127.0.0.1:8080"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBHOPPER_URL", "https://jobs.example.com/queue/")
    assert Client().url == "https://jobs.example.com/queue"
    assert Client("http://other:1").url == "http://other:1"


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://x", "http://", "http://h?x=1", "http://h#x", "http://[::1"]
)
def test_no_url(url: str) -> None:
    with pytest.raises(InvalidArgument, match="JOBHOPPER_URL"):
        Client(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidArgument, match="JOBHOPPER_KEY") as caught:
        Client("http://me:hunter2@host")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["two words", "jh_ä", "jh_a\nX-Evil: 1"])
def test_a_key_that_is_no_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidArgument, match="JOBHOPPER_KEY") as caught:
        Client(key=key)
    assert key not in str(caught.value)


def test_a_key_read_from_a_file_may_end_in_a_newline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBHOPPER_KEY", "jh_a_b\n")
    client = Client()
    assert client._transport.settings.key == "jh_a_b"
    assert "jh_a_b" not in repr(client) + repr(client._transport.settings)


@pytest.mark.parametrize(("timeout", "retry_for"), [(0, 1), (-1, 1), (1, -1)])
def test_bounds(timeout: float, retry_for: float) -> None:
    with pytest.raises(InvalidArgument, match="timeout"):
        Client(timeout=timeout, retry_for=retry_for)
