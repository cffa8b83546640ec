"""The images hold little beside what runs."""

import pytest

from stack.containers.docker import docker, image

from .cluster import Cluster

_MOST = 60_000_000
# Our own code, which is all that a new release brings while the lock file stays.
_OWN_MOST = 2_000_000


@pytest.mark.parametrize("target", ["api", "consumer", "refiller", "migrator", "pruner", "client"])
def test_what_an_image_adds_to_its_base_is_small(target: str, cluster: Cluster) -> None:
    """Unpacked, so that it is what a node's disk holds and a registry's share is less."""
    ours, base = _layers(f"jobhopper/{target}:{cluster.tag}"), _layers(image("PYTHON_IMAGE"))
    assert ours[len(ours) - len(base) :] == base
    assert sum(ours) - sum(base) <= _MOST
    own, _deps = [size for size in ours[: len(ours) - len(base)] if size]
    assert own <= _OWN_MOST


def _layers(name: str) -> list[int]:
    """The bytes of each layer, the newest first."""
    said = docker("history", "--human=false", "--format", "{{.Size}}", name)
    return [int(line) for line in said.splitlines()]
