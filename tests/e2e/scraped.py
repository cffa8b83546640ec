"""What the Prometheus operator would make of the chart's objects, read back from the API server.

The pods are scraped through the API server, which reaches them wherever this machine stands.
"""

import base64
import re
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from .cluster import Cluster

_GROUP, _VERSION = "monitoring.coreos.com", "v1"
_POD = "__meta_kubernetes_pod"


def rule_groups(namespace: str) -> list[dict[str, Any]]:
    """The groups of every PrometheusRule."""
    return [group for one in _objects(namespace, "prometheusrules") for group in one["groups"]]


def scrapes(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """A scrape for each endpoint of every PodMonitor."""
    path = Path(cluster.environment["KUBECONFIG"])
    return [
        _scrape(number, namespace, spec["selector"], endpoint, path)
        for number, spec in enumerate(_objects(namespace, "podmonitors"))
        for endpoint in spec["podMetricsEndpoints"]
    ]


def _objects(namespace: str, kind: str) -> list[dict[str, Any]]:
    read = client.CustomObjectsApi().list_namespaced_custom_object
    return [one["spec"] for one in read(_GROUP, _VERSION, namespace, kind)["items"]]


def _scrape(
    number: int,
    namespace: str,
    selector: dict[str, Any],
    endpoint: dict[str, Any],
    path: Path,
) -> dict[str, Any]:
    config = yaml.safe_load(path.read_text())
    ((cluster,), (user,)) = config["clusters"], config["users"]
    server = cluster["cluster"]["server"].removeprefix("https://")
    found = {"role": "pod", "kubeconfig_file": str(path), "namespaces": {"names": [namespace]}}
    return {
        "job_name": f"podmonitor-{number}",
        "kubernetes_sd_configs": [found],
        "scheme": "https",
        "params": endpoint.get("params", {}),
        "tls_config": {
            "ca": _decoded(cluster["cluster"]["certificate-authority-data"]),
            "cert": _decoded(user["user"]["client-certificate-data"]),
            "key": _decoded(user["user"]["client-key-data"]),
        },
        "relabel_configs": [
            *_selected(selector),
            _keep("container_port_name", endpoint["port"]),
            # As the operator does for itself: a Job's pod stays when it has ended.
            _keep("phase", "Pending|Running"),
            *(_copied(name, label) for name, label in _LABELS.items()),
            *(
                {_snake(key): value for key, value in one.items()}
                for one in endpoint["relabelings"]
            ),
            *_by_proxy(server, endpoint.get("path", "/metrics")),
        ],
    }


_LABELS = {
    "__meta_kubernetes_namespace": "namespace",
    f"{_POD}_name": "pod",
    f"{_POD}_container_name": "container",
    "__address__": "instance",
}


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def _selected(selector: dict[str, Any]) -> list[dict[str, Any]]:
    one_of = {name: [value] for name, value in selector["matchLabels"].items()}
    for more in selector.get("matchExpressions", ()):
        assert more["operator"] == "In"
        one_of[more["key"]] = more["values"]
    return [
        _keep("label_" + re.sub(r"\W", "_", name), "|".join(values))
        for name, values in one_of.items()
    ]


def _keep(name: str, pattern: str) -> dict[str, Any]:
    return {"action": "keep", "source_labels": [f"{_POD}_{name}"], "regex": pattern}


def _copied(name: str, label: str) -> dict[str, Any]:
    return {"source_labels": [name], "target_label": label}


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _by_proxy(server: str, path: str) -> list[dict[str, Any]]:
    names = ["__meta_kubernetes_namespace", f"{_POD}_name", f"{_POD}_container_port_number"]
    proxied = {
        "source_labels": names,
        "regex": "(.+);(.+);(.+)",
        "target_label": "__metrics_path__",
        "replacement": f"/api/v1/namespaces/$1/pods/$2:$3/proxy{path}",
    }
    return [proxied, {"target_label": "__address__", "replacement": server}]
