"""A running server for the tests that need one, and a queue of its own for each of them."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from client_running_server import NewServer, RunningServer

from jobhopper import Client


@contextmanager
def _running(folder: Path, **settings: str) -> Iterator[RunningServer]:
    server = RunningServer(folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One that all tests share."""
    with _running(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> NewServer:
    """Starts one for a test that stops it, or needs other settings."""
    return lambda **settings: _running(tmp_path, **settings)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


@pytest.fixture
def queue() -> str:
    return f"q-{secrets.token_hex(6)}"
