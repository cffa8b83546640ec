"""Fixtures that every folder may use, and the marks of tests that need real stores."""

from pathlib import Path

import hypothesis
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
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("jobhopper", deadline=None)
hypothesis.settings.load_profile("jobhopper")

_STORES = {"make_store", "mysql", "mariadb", "rabbitmq", "valkey"}
# Folders whose tests say themselves that they measure. Of any other, nobody has looked at it yet.
_SORTED = {"consumer", "hopper", "pruner", "stack", "store", "stores"}
# Folders whose tests take minutes by their plan: for faults to come and go, for alerts to fire,
# for what fills up to be full.
_LASTING = {"chaos", "monitoring", "pressure"}
# Those whose tests may need the whole machine.
_OUTAGES = {"faults", "pressure"}
_TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a store in a container, and what of it runs beside little or nothing."""
    for item in items:
        if _STORES & set(getattr(item, "fixturenames", ())) or _kind(item) in _STORES:
            item.add_marker(pytest.mark.stores)
        needs_stores = item.get_closest_marker("stores") is not None
        folder = item.path.relative_to(_TESTS).parts[0]
        says_so = item.get_closest_marker("timed") is not None
        if item.get_closest_marker("alone") is not None and not (says_so and folder in _OUTAGES):
            raise pytest.UsageError(
                f"{item.nodeid}: what is alone is timed, too, and in {_OUTAGES}."
            )
        if needs_stores and not says_so and folder not in _SORTED:
            item.add_marker(pytest.mark.lasting if folder in _LASTING else pytest.mark.timed)


class _ByFolder(LoadScopeScheduling):
    """Gives each process whole folders of tests: what lasts shares services, and the cluster."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.split("/", 2)[1]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByFolder | None:
    """What `--dist loadscope` means here."""
    return _ByFolder(config, log) if config.getvalue("dist") == "loadscope" else None


def _kind(item: pytest.Item) -> object:
    # The conformance suite asks for its store by the name of a parameter.
    call = getattr(item, "callspec", None)
    return call.params.get("kind") if call is not None else None
