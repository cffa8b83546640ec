"""The services as processes on real stores, and callers that know when a write has arrived."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from api.caller import Api

from stack.containers.container import Container
from stack.emptying import empty
from stack.services import Services, Stores

Launch = Callable[..., Services]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the folder's tests: the services of all of them run on stores."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.stores)


@pytest.fixture(scope="session")
def stores(mysql: Container, rabbitmq: Container, valkey: Container) -> Stores:
    return Stores(mysql.url, rabbitmq.url, valkey.url)


@pytest.fixture(scope="module")
def launch(stores: Stores) -> Iterator[Launch]:
    """Starts services on emptied stores; they end with the module."""
    with launching(stores) as start:
        yield start


@pytest.fixture(scope="module")
def services(launch: Launch) -> Services:
    """One of each; a module that wants another shape has a fixture of this name."""
    return launch()


@pytest.fixture
def api(services: Services) -> Iterator[Api]:
    caller = Api(services.ports[0], services.key)
    yield caller
    caller.close()


class launching(ExitStack):  # noqa: N801 # used as a function is
    """Starts services on emptied stores, and ends them with the block."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores

    def __call__(self, **shape: Any) -> Services:
        empty(self._stores)
        return self.enter_context(Services(self._stores, **shape))
