"""The stores that the runs of this folder hurt."""

from pathlib import Path

import pytest

from stack.containers.container import Container


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the folder's tests on one process: they kill the stores that they share."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("chaos"))


@pytest.fixture(scope="session")
def containers(mysql: Container, rabbitmq: Container, valkey: Container) -> dict[str, Container]:
    return {"mysql": mysql, "rabbitmq": rabbitmq, "valkey": valkey}
