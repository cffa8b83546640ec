"""Lints the chart, and validates every manifest that it renders from every file of values."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate

from helm.tool import CHART, MATRIX, HelmError, Manifest, kubernetes_version, render, run

# Kinds that clusters learn from others: no schema of Kubernetes has them.
FOREIGN = {"keda.sh", "gateway.networking.k8s.io", "monitoring.coreos.com"}


def faults() -> list[str]:
    """What is wrong; nothing, if all is well."""
    return [fault for values in MATRIX for fault in _faults_with(values)]


def _faults_with(values: Path) -> Iterator[str]:
    try:
        run("lint", "--strict", "--quiet", str(CHART), "--values", str(values))
        manifests = render("--values", str(values))
    except HelmError as error:
        yield f"{values.name}: {error}"
        return
    for manifest in manifests:
        yield from (f"{values.name}: {_name(manifest)}: {fault}" for fault in invalid(manifest))
    for name, times in Counter(_name(one) for one in manifests).items():
        if times > 1:
            yield f"{values.name}: {name} is there {times} times"


def invalid(manifest: Manifest) -> Iterator[str]:
    """What the schema of the served Kubernetes says against a manifest, unknown fields included."""
    if manifest["apiVersion"].partition("/")[0] in FOREIGN:
        return
    try:
        kubernetes_validate.validate(manifest, kubernetes_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message}"


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
