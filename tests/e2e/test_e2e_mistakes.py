"""What an operator gets wrong is said within a minute, where one looks for it."""

from collections.abc import Iterator
from itertools import count

import pytest
from kubernetes import client

from .cluster import Cluster, wait_for
from .release import NAME, Release

_SOON = 60
_numbers = count(1)
_NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"
_EXTERNAL = (
    "mysql.enabled=false",
    "rabbitmq.enabled=false",
    "redis.enabled=false",
    "external.mysql.password=wrong",
)


@pytest.fixture
def alone(cluster: Cluster) -> Iterator[Release]:
    """A release of its own, which is not expected to work, with names that nobody had before."""
    number = next(_numbers)
    namespace = f"jobhopper-mistake-{number}"
    cluster.make_namespace(namespace)
    yield Release(cluster, namespace, port=30080 + number)
    cluster.drop_namespace(namespace)


def test_a_secret_that_is_not_there(alone: Release) -> None:
    alone.install(
        *_EXTERNAL,
        "external.mysql.host=db",
        "external.mysql.existingSecret=absent",
        "external.mysql.urlKey=url",
        wait=False,
    )
    wait_for(
        lambda: '"absent" not found' in alone.cluster.events(alone.namespace),
        _SOON,
        "no word of it",
    )


def test_a_store_that_is_not_there(alone: Release) -> None:
    alone.install(*_EXTERNAL, "external.mysql.host=nowhere.invalid", wait=False)
    wait_for(lambda: "nowhere.invalid" in _said(alone, "migration"), _SOON, "no word of it")


@pytest.fixture
def let_in(alone: Release, release: Release) -> Iterator[None]:
    """The shared release's MySQL takes connections from the other one, as an external one would."""
    network, name = client.NetworkingV1Api(), "let-in"
    caller = {"namespaceSelector": {"matchLabels": {_NAME_OF_NAMESPACE: alone.namespace}}}
    spec = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "mysql"}},
        "ingress": [{"from": [caller]}],
    }
    network.create_namespaced_network_policy(
        release.namespace, {"metadata": {"name": name}, "spec": spec}
    )
    yield
    network.delete_namespaced_network_policy(name, release.namespace)


@pytest.mark.usefixtures("let_in")
def test_a_wrong_password(alone: Release, release: Release) -> None:
    host = f"{NAME}-mysql.{release.namespace}.svc"
    alone.install(*_EXTERNAL, f"external.mysql.host={host}", wait=False)
    wait_for(lambda: "Access denied" in _said(alone, "migration"), _SOON, "no word of it")
    assert "wrong" not in _said(alone, "migration")


def _said(release: Release, component: str) -> str:
    pods = release.pods(component)
    return "\n".join(release.cluster.log(release.namespace, p.metadata.name) for p in pods)
