"""An empty Valkey, and a hopper in it."""

from collections.abc import Iterator

import pytest
import redis
from store.servers import emptied

from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names

from .hopper import Hopper
from .mill import Mill


@pytest.fixture
def raw(valkey_url: str) -> Iterator[redis.Redis]:
    """Redis itself, empty."""
    client = redis.Redis.from_url(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def link(raw: redis.Redis, valkey_url: str) -> Iterator[HopperLink]:
    made = HopperLink(valkey_url, HopperCommands(Names()))
    yield made
    made.close()


@pytest.fixture
def hopper(link: HopperLink, raw: redis.Redis) -> Hopper:
    return Hopper(link, raw)


@pytest.fixture
def mill(mysql_url: str, link: HopperLink, raw: redis.Redis) -> Iterator[Mill]:
    """An empty MySQL beside the hopper, in the server's own time."""
    made = Mill(emptied(mysql_url, 0), link, raw)
    yield made
    made.close()
