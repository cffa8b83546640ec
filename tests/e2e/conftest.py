"""One cluster for the whole run, with one release that most tests share."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# The repository itself, for what watches the release.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from .cluster import Cluster
from .commands import SCRIPTS, run
from .release import Release

NAMESPACE = "jobhopper-e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs the cluster: `make test-e2e` runs it, `make test-fast` leaves it out."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.slow)
            # The first of them makes the node's image where no registry has one.
            item.add_marker(pytest.mark.timeout(3_600))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The tests' own cluster. It goes afterwards, unless E2E_KEEP says that it is to stay."""
    made = Cluster(tmp_path_factory.mktemp("kube"))
    # What others bring that the chart can make use of; metrics take their first minute meanwhile.
    made.run(SCRIPTS / "crds")
    made.run("kubectl", "apply", "--filename", SCRIPTS / "metrics-server.yaml")
    # The policies of the chart count in every test.
    made.run(SCRIPTS / "enforce", seconds=1_200)
    yield made
    if not os.environ.get("E2E_KEEP"):
        run(SCRIPTS / "kind-down", **made.environment)


@pytest.fixture(scope="session")
def release(cluster: Cluster) -> Release:
    """The chart, installed into an empty namespace with nothing else done."""
    cluster.make_namespace(NAMESPACE)
    made = Release(cluster, NAMESPACE)
    began = time.monotonic()
    made.install()
    made.test()
    made.took = time.monotonic() - began
    return made
