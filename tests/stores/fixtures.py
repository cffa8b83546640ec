"""Fixtures of the four stores, one container of each for a test process, started when asked for.

A test that ends or freezes a store has it serving again when it is over: `with mysql.killed():`,
`with mysql.paused():`. A test that needs one to itself takes `make_store`.
"""

from collections.abc import Callable, Iterator

import pytest

from stack.containers.container import Container
from stack.containers.kinds import MARIADB, MYSQL, RABBITMQ, VALKEY, Kind

MakeStore = Callable[..., Container]
_shared: dict[str, Container] = {}


def _share(kind: Kind, config: pytest.Config) -> Container:
    # Not a fixture's own value: two conftest files may both import the fixtures below.
    if kind.name not in _shared:
        made = Container(kind)
        config.add_cleanup(made.remove)
        made.start()
        _shared[kind.name] = made
    return _shared[kind.name]


@pytest.fixture(scope="session")
def mysql(pytestconfig: pytest.Config) -> Container:
    return _share(MYSQL, pytestconfig)


@pytest.fixture(scope="session")
def mariadb(pytestconfig: pytest.Config) -> Container:
    return _share(MARIADB, pytestconfig)


@pytest.fixture(scope="session")
def rabbitmq(pytestconfig: pytest.Config) -> Container:
    return _share(RABBITMQ, pytestconfig)


@pytest.fixture(scope="session")
def valkey(pytestconfig: pytest.Config) -> Container:
    return _share(VALKEY, pytestconfig)


@pytest.fixture(scope="session")
def mysql_url(mysql: Container) -> str:
    """Root's URL, so that a test can make databases of its own."""
    return mysql.url


@pytest.fixture(scope="session")
def mariadb_url(mariadb: Container) -> str:
    """Root's URL, so that a test can make databases of its own."""
    return mariadb.url


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: Container) -> str:
    return rabbitmq.url


@pytest.fixture(scope="session")
def valkey_url(valkey: Container) -> str:
    return valkey.url


@pytest.fixture
def make_store() -> Iterator[MakeStore]:
    """Makes containers of the test's own, as `Container` does, and removes them after it."""
    made: list[Container] = []

    def make(kind: Kind, *arguments: str, options: tuple[str, ...] = ()) -> Container:
        made.append(Container(kind, *arguments, options=options))
        return made[-1]

    yield make
    for container in made:
        container.remove()
