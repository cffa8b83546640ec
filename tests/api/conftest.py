"""Servers for the tests: one in open mode for all, one with an admin key, fresh ones."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from .caller import Api
from .server import Server, serving

ADMIN_KEY = "jh_admin0_correct-horse-battery-staple"
Start = Callable[..., Server]
_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An open server that all tests share; each works in a queue of its own."""
    with serving(tmp_path_factory.mktemp("open")) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    caller = server.api()
    yield caller
    caller.close()


@pytest.fixture
def queue() -> str:
    """A queue that no other test uses."""
    return f"q{next(_numbers)}"


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for keys."""
    folder = tmp_path_factory.mktemp("locked")
    with serving(folder, settings={"JOBHOPPER_ADMIN_KEY": ADMIN_KEY}) as running:
        yield running


@pytest.fixture
def admin(locked: Server) -> Iterator[Api]:
    """Calls the locked server with the admin key."""
    caller = locked.api(ADMIN_KEY)
    yield caller
    caller.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of the test's own, in the test's folder."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(serving(tmp_path, *args, **kwargs))
