"""What tests ask of rendered manifests."""

import base64
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from helm.tool import MATRIX, Manifest, render

NAMES = [path.stem for path in MATRIX]


@cache
def with_values(name: str) -> tuple[Manifest, ...]:
    """What the chart makes of helm/tests/values/NAME.yaml."""
    (path,) = [path for path in MATRIX if path.stem == name]
    return tuple(render("--values", str(path)))


@cache
def with_settings(*settings: str) -> tuple[Manifest, ...]:
    """What it makes with `--set` of each."""
    return tuple(render(*[word for one in settings for word in ("--set", one)]))


def find(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    """The one of that kind whose name, less the release's, is `name`."""
    (found,) = [m for m in manifests if m["kind"] == kind and _name(m) == f"jobhopper-{name}"]
    return found


def secret_data(manifests: tuple[Manifest, ...], name: str) -> dict[str, str]:
    """What a Secret holds, decoded; `name` is its own, less the release's."""
    data = find(manifests, "Secret", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind]


def _name(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name


class Pod(NamedTuple):
    """A pod, or the template of pods."""

    owner: Manifest
    metadata: dict[str, Any]
    spec: dict[str, Any]

    @property
    def component(self) -> str:
        label: str = self.metadata["labels"]["app.kubernetes.io/component"]
        return label

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def __str__(self) -> str:
        return f"{self.owner['kind']}/{_name(self.owner)}"


def pods(manifests: tuple[Manifest, ...]) -> Iterator[Pod]:
    """Every pod that the manifests make."""
    for one in manifests:
        template = _template(one)
        if template is not None:
            yield Pod(one, template["metadata"], template["spec"])


def _template(one: Manifest) -> dict[str, Any] | None:
    match one["kind"]:
        case "Pod":
            return one
        case "Deployment" | "StatefulSet" | "Job":
            template: dict[str, Any] = one["spec"]["template"]
            return template
        case "CronJob":
            inner: dict[str, Any] = one["spec"]["jobTemplate"]["spec"]["template"]
            return inner
    return None


def strings(value: Any) -> Iterator[str]:
    """Every string inside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from (key, *strings(below))
    elif isinstance(value, list):
        for below in value:
            yield from strings(below)
