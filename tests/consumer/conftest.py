"""One set of stores for the folder, emptied between tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from store.servers import emptied

from stack.containers.container import Container

from .ground import Ground


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the folder's tests on one process: they kill the stores that they share."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("consumer"))


@pytest.fixture
def ground(
    mysql: Container, rabbitmq: Container, valkey: Container, tmp_path: Path
) -> Iterator[Ground]:
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    made = Ground(mysql, emptied(mysql.url, 0), rabbitmq, valkey, tmp_path)
    made.broker.purge()
    yield made
    made.end()
