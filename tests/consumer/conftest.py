"""One set of stores for the folder, emptied between tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from store.servers import emptied
from stores.container import Container

sys.path.append(str(Path(__file__).resolve().parents[2]))

from .ground import Ground  # the repository's own folder is found by the line above


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
