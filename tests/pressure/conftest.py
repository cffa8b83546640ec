"""The services as processes on stores of their own, and how much memory the API takes."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from api.caller import Api, wait_until

from stack.containers.container import Container
from stack.emptying import empty
from stack.services import Services, Stores

from .memory import Memory
from .steps import is_well

# Ten thousand connections on either side, and what else is open.
_FILES = 16_384


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the folder's tests: all run on stores."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.stores)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def many_files() -> None:
    """Raises the number of open files; processes that are started later inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, max(hard, _FILES)))


@pytest.fixture(scope="session")
def stores(mysql: Container, rabbitmq: Container, valkey: Container) -> Stores:
    return Stores(mysql.url, rabbitmq.url, valkey.url)


@pytest.fixture(scope="module")
def services(stores: Stores) -> Iterator[Services]:
    """One of each; a module that wants another shape has a fixture of this name."""
    empty(stores)
    with Services(stores) as running:
        yield running


@pytest.fixture
def api(services: Services) -> Iterator[Api]:
    """A caller; before and after the test all is well, without a restart of the API."""
    caller = Api(services.ports[0], services.key)
    wait_until(lambda: is_well(caller))
    process = services.apis[0].pid
    yield caller
    wait_until(lambda: is_well(caller))
    assert (services.apis[0].alive, services.apis[0].pid) == (True, process)
    caller.close()


@pytest.fixture
def memory(services: Services) -> Memory:
    """How much the first API has grown since the test began."""
    return Memory(services.apis[0])
