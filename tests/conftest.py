"""Fixtures that every folder may use, and the mark of tests that need real stores."""

import pytest
from stores.fixtures import (  # noqa: F401 # fixtures are found by their names
    make_store,
    mariadb,
    mariadb_url,
    mysql,
    mysql_url,
    rabbitmq,
    rabbitmq_url,
    valkey,
    valkey_url,
)

_STORES = {"make_store", "mysql", "mariadb", "rabbitmq", "valkey"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a store in a container: `make test-fast` leaves it out."""
    for item in items:
        if _STORES & set(getattr(item, "fixturenames", ())) or _kind(item) in _STORES:
            item.add_marker(pytest.mark.stores)


def _kind(item: pytest.Item) -> object:
    # The conformance suite asks for its store by the name of a parameter.
    call = getattr(item, "callspec", None)
    return call.params.get("kind") if call is not None else None
