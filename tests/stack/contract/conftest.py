"""The fixtures of `tests/api`, here on one set of services that all modules share."""

from collections.abc import Iterator
from itertools import count

import pytest
from api.caller import Api, wait_until
from api.conftest import ADMIN_KEY
from conftest import launching
from stack_settling import Lanes, SettlingApi

from stack.services import Services, Stores

_numbers = count(1)


class Server:
    """Stands in for the server of `tests/api`; a caller without a key of its own gets `default`."""

    def __init__(self, services: Services, lanes: Lanes, default: str | None) -> None:
        self._services = services
        self._lanes = lanes
        self._default = default
        self._callers: list[SettlingApi] = []
        self.port = services.ports[0]

    def api(self, key: str | None = None) -> SettlingApi:
        self._callers.append(SettlingApi(self.port, key or self._default, self._lanes))
        return self._callers[-1]

    def close(self) -> None:
        for caller in self._callers:
            caller.close()

    def log(self) -> str:
        return self._services.apis[0].log.read_text()


@pytest.fixture(scope="package")
def services(stores: Stores) -> Iterator[Services]:
    with launching(stores) as start:
        running = start(key=ADMIN_KEY)
        yield running
        for one in running.all:
            assert "traceback" not in one.log.read_text(), one.tail()


@pytest.fixture(scope="package")
def lanes(services: Services) -> Iterator[Lanes]:
    made = Lanes(services.ports[0], services.key)
    caller = Api(services.ports[0], services.key)
    # An API is ready before RabbitMQ is: until then MySQL takes the writes.
    wait_until(lambda: set(caller.get("/readyz").json["stores"].values()) == {"up"})
    caller.close()
    made.await_creates({0, 1, 2, 3})
    yield made
    made.close()


@pytest.fixture(scope="package")
def server(services: Services, lanes: Lanes) -> Iterator[Server]:
    running = Server(services, lanes, services.key)
    yield running
    running.close()


@pytest.fixture(scope="package")
def locked(services: Services, lanes: Lanes) -> Iterator[Server]:
    running = Server(services, lanes, None)
    yield running
    running.close()


@pytest.fixture
def api(server: Server) -> Iterator[SettlingApi]:
    caller = server.api()
    yield caller
    caller.close()


@pytest.fixture
def plain(services: Services, lanes: Lanes) -> Iterator[Api]:
    """Sees every answer as it comes."""
    caller = Api(services.ports[0], services.key)
    yield caller
    caller.close()


@pytest.fixture
def admin(server: Server) -> Iterator[SettlingApi]:
    caller = server.api()
    yield caller
    caller.close()


@pytest.fixture
def queue() -> str:
    """A queue that no other test uses."""
    return f"q{next(_numbers)}"
