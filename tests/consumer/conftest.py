"""One set of stores for the folder, emptied between tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from store.servers import emptied

from stack.containers.container import Container

from .ground import Ground


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
