"""A cluster as helm sees it: an API server that knows kinds, and the objects it is given.

It stands in for the one thing that a rendering asks a real one for: what is there already.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from helm.tool import CHART, Manifest, parse, run

_KINDS = {
    "v1": ["Secret", "ConfigMap", "Service", "Pod", "PersistentVolumeClaim"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "batch/v1": ["Job", "CronJob"],
    "policy/v1": ["PodDisruptionBudget"],
    "networking.k8s.io/v1": ["NetworkPolicy", "Ingress"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "keda.sh/v1alpha1": ["ScaledObject"],
}


class Cluster:
    """What is there, by kind and name, all of it in one namespace."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Manifest] = {}
        self.url = ""

    def add(self, manifests: Iterable[Manifest], kinds: Iterable[str] = ("Secret",)) -> None:
        """Has those of `kinds` there, as an install of helm leaves them."""
        for one in manifests:
            if one["kind"] in kinds:
                self.objects[one["kind"], one["metadata"]["name"]] = _owned(one)

    def add_secret(self, name: str, data: dict[str, str]) -> None:
        """Has a Secret there that helm knows nothing of; `data` is in base64."""
        self.objects["Secret", name] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "jobs"},
            "data": data,
        }

    def render(self, *settings: str) -> list[Manifest]:
        """What `helm install` would send. Raises HelmError."""
        given = [word for one in settings for word in ("--set", one)]
        asked = ["--namespace", "jobs", "--dry-run=server", "--disable-openapi-validation"]
        server = ["--kube-apiserver", self.url]
        return parse(run("template", "jobhopper", str(CHART), *asked, *server, *given))

    def answer(self, path: str) -> tuple[int, Any]:
        """Status and body for a path."""
        if path == "/version":
            return 200, {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
        if path in {"/api", "/apis"}:
            return 200, _versions() if path == "/api" else _groups()
        version, _, rest = path.removeprefix("/apis/").removeprefix("/api/").partition("/")
        if version != "v1" and rest:
            number, _, rest = rest.partition("/")
            version = f"{version}/{number}"
        if not rest and version in _KINDS:
            return 200, _resources(version)
        return self._object(version, rest)

    def _object(self, version: str, rest: str) -> tuple[int, Any]:
        *_, plural, name = f"//{rest}".split("/")
        for kind in _KINDS.get(version, []):
            if _plural(kind) == plural and (kind, name) in self.objects:
                return 200, self.objects[kind, name]
        return 404, {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "NotFound",
            "code": 404,
        }


@contextmanager
def serving() -> Iterator[Cluster]:
    """A cluster that answers on a port of this machine."""
    cluster = Cluster()
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    cluster.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster

    def do_GET(self) -> None:
        status, body = self.cluster.answer(self.path.partition("?")[0])
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        pass


def _owned(one: Manifest) -> Manifest:
    notes = {"meta.helm.sh/release-name": "jobhopper", "meta.helm.sh/release-namespace": "jobs"}
    metadata = one["metadata"]
    return {
        **one,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **notes}},
    }


def _plural(kind: str) -> str:
    return kind.lower().removesuffix("y") + (
        "ies" if kind.endswith("y") else "es" if kind.endswith("s") else "s"
    )


def _versions() -> dict[str, Any]:
    return {"kind": "APIVersions", "versions": ["v1"]}


def _groups() -> dict[str, Any]:
    found = [version for version in _KINDS if "/" in version]
    groups = []
    for version in found:
        group, _, number = version.partition("/")
        named = {"groupVersion": version, "version": number}
        groups.append({"name": group, "versions": [named], "preferredVersion": named})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _resources(version: str) -> dict[str, Any]:
    resources = [
        {
            "name": _plural(kind),
            "singularName": kind.lower(),
            "namespaced": True,
            "kind": kind,
            "verbs": ["get", "list", "create", "patch", "delete"],
        }
        for kind in _KINDS[version]
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": resources,
    }
