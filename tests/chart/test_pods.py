"""Every pod, of ours and of the stores, is as little of a danger and of a burden as it can be."""

from typing import Any

import pytest

from .manifests import NAMES, Pod, find, pods, with_values

CONFINED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
SERVICES = {"api", "consumer", "refiller"}


@pytest.mark.parametrize("name", NAMES)
def test_restricted(name: str) -> None:
    for pod in pods(with_values(name)):
        assert pod.spec["automountServiceAccountToken"] is False, pod
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True, pod
        assert security["runAsUser"] in {999, 10001}, pod
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}
        for container in pod.containers:
            assert container["securityContext"] == CONFINED, pod
            assert not [port for port in container.get("ports", []) if "hostPort" in port]


@pytest.mark.parametrize("name", NAMES)
def test_no_pod_mounts_the_node(name: str) -> None:
    allowed = {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}
    for pod in pods(with_values(name)):
        for volume in pod.spec.get("volumes", []):
            assert volume.keys() - {"name"} <= allowed, pod


@pytest.mark.parametrize("name", NAMES)
def test_requests_limits_and_bounds(name: str) -> None:
    for pod in pods(with_values(name)):
        for container in pod.containers:
            for which in ("requests", "limits"):
                assert container["resources"][which].keys() >= {"cpu", "memory"}, pod
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], pod


@pytest.mark.parametrize("name", NAMES)
def test_probes_and_grace(name: str) -> None:
    for pod in pods(with_values(name)):
        if _lasts(pod):
            for container in pod.containers:
                assert container.keys() >= {"startupProbe", "livenessProbe", "readinessProbe"}, pod
            assert pod.spec["terminationGracePeriodSeconds"] >= 30, pod


@pytest.mark.parametrize("name", NAMES)
def test_services(name: str) -> None:
    for pod in pods(with_values(name)):
        if pod.component in SERVICES:
            (container,) = pod.containers
            assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
            assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
            assert {"name": "metrics", "containerPort": 9464} in container["ports"]
            assert pod.metadata["annotations"]["prometheus.io/port"] == "9464"
            assert "checksum/secrets" in pod.metadata["annotations"]
            spread = {one["topologyKey"] for one in pod.spec["topologySpreadConstraints"]}
            assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_the_pruner_is_seen_while_it_runs() -> None:
    (pod,) = [one for one in pods(with_values("default")) if one.component == "silence"]
    (container,) = pod.containers
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
    assert {"name": "metrics", "containerPort": 9464} in container["ports"]
    assert {"name": "JOBHOPPER_METRICS_LISTEN", "value": "9464"} in container["env"]
    # Who scrapes by annotations would go on asking when it has ended.
    assert "prometheus.io/port" not in pod.metadata.get("annotations", {})


def test_the_api_serves_on_until_no_one_is_sent_to_it() -> None:
    api = find(with_values("default"), "Deployment", "api")["spec"]
    assert api["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    spec = api["template"]["spec"]
    drain = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    # Its own end takes up to 5 s after that.
    assert spec["terminationGracePeriodSeconds"] >= drain + 30


def test_the_consumer_is_told_its_ordinal_and_has_no_volume() -> None:
    consumer = find(with_values("default"), "StatefulSet", "consumer")["spec"]
    assert "volumeClaimTemplates" not in consumer
    environment = {e["name"]: e for e in consumer["template"]["spec"]["containers"][0]["env"]}
    replica = environment["JOBHOPPER_REPLICA"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert replica == "metadata.name"


def test_the_whole_asks_for_less_than_two_gibibytes() -> None:
    asked = sum(_asked(pod) for pod in pods(with_values("default")) if _lasts(pod))
    assert asked <= 2 * 1024


def _lasts(pod: Pod) -> bool:
    return pod.owner["kind"] in {"Deployment", "StatefulSet"}


def _asked(pod: Pod) -> int:
    each = sum(_mebibytes(one["resources"]["requests"]) for one in pod.containers)
    replicas: int = pod.owner["spec"]["replicas"]
    return replicas * each


def _mebibytes(requests: dict[str, Any]) -> int:
    text: str = requests["memory"]
    assert text.endswith("Mi")
    return int(text.removesuffix("Mi"))
