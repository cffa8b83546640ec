"""The stores that the runs of this folder hurt."""

import pytest

from stack.containers.container import Container


@pytest.fixture(scope="session")
def containers(mysql: Container, rabbitmq: Container, valkey: Container) -> dict[str, Container]:
    return {"mysql": mysql, "rabbitmq": rabbitmq, "valkey": valkey}
