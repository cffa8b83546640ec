"""What the chart asks of others in the cluster is what they take."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helm.tool import CHART, MATRIX

from .cluster import Cluster, wait_for
from .release import NAME, Release

_NAMESPACE = "jobhopper-dry"
# The kinds of Kubernetes have schemas, by which `make check` tries all values.
_WITH_FOREIGN_KINDS = [one for one in MATRIX if one.stem in {"metrics", "published", "scaled"}]


@pytest.fixture(scope="module")
def empty(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with a namespace in which nothing is."""
    cluster.make_namespace(_NAMESPACE)
    yield cluster
    cluster.drop_namespace(_NAMESPACE)


@pytest.mark.parametrize("values", _WITH_FOREIGN_KINDS, ids=lambda path: path.stem)
def test_the_api_server_accepts_every_manifest(
    values: Path, empty: Cluster, tmp_path: Path
) -> None:
    """Down to the rules that only a server evaluates, and without one field that it has not."""
    place = ("--namespace", _NAMESPACE)
    # The release next door may have taken the port that one of them names.
    port = ("--set", "api.service.nodePort=null")
    text = empty.run("helm", "template", NAME, CHART, *place, "--values", values, *port)
    (tmp_path / "manifests.yaml").write_text(text)
    given = ("--dry-run=server", "--validate=strict", f"--filename={tmp_path / 'manifests.yaml'}")
    said = empty.run("kubectl", "create", *place, *given)
    assert len(said.splitlines()) == text.count("\nkind: ")


def test_the_api_scales_with_its_use_of_the_processor(release: Release) -> None:
    """The aim is so low that an API that idles is above it."""
    before = _apis(release)
    release.install(
        "api.autoscaling.enabled=true",
        "api.autoscaling.maxReplicas=3",
        "api.autoscaling.targetCPU=1m",
    )
    wait_for(lambda: _ready_apis(release) == 3, 180, "two replicas stay two")
    assert before <= _apis(release), "one of those that ran was ended"
    # What an operator does who wants it no longer: the autoscaler owns the number until then.
    cluster, name = release.cluster, f"{NAME}-api"
    cluster.run("kubectl", "--namespace", release.namespace, "delete", "hpa", name)
    release.install(force=True)
    wait_for(lambda: _ready_apis(release) == 2, 90, "the third replica stays")
    release.await_ready()


def _apis(release: Release) -> set[str]:
    return {pod.metadata.uid for pod in release.pods("api")}


def _ready_apis(release: Release) -> int:
    read = release.cluster.apps.read_namespaced_deployment
    return read(f"{NAME}-api", release.namespace).status.ready_replicas or 0
