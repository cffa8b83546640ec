"""Pods that call others, to see who gets through."""

from typing import Any

from .cluster import Cluster, wait_for

# Prints those of its arguments, each HOST:PORT, that take a connection. Network plug-ins refuse the
# others or let them wait, so all are called at once, with two seconds each.
_CALL = """
call() { timeout 2 bash -c "</dev/tcp/${1%:*}/${1##*:}" 2>/dev/null && echo "$1"; }
for way; do call "$way" & done
wait
"""
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 999,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Caller:
    """A pod with a shell in it."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self._cluster, self._namespace, self._name = cluster, namespace, name

    def start(self, image: str, labels: dict[str, str]) -> None:
        """Makes the pod; by itself it does nothing."""
        container = {
            "name": "caller",
            "image": image,
            "command": ["sleep", "infinity"],
            "securityContext": _RESTRICTED,
        }
        spec = {"containers": [container], "automountServiceAccountToken": False}
        pod = {"metadata": {"name": self._name, "labels": labels}, "spec": spec}
        self._cluster.core.create_namespaced_pod(self._namespace, pod)

    def await_running(self) -> None:
        """Returns when it can call."""
        wait_for(lambda: self._pod().status.phase == "Running", 60, f"{self._name} does not run")

    def reaches(self, ways: dict[str, str]) -> set[str]:
        """The names of those ways, each to a HOST:PORT, that are open to it."""
        call = ("bash", "-c", _CALL, "call", *ways.values())
        said = self._cluster.execute(self._namespace, self._name, *call).splitlines()
        return {name for name, way in ways.items() if way in said}

    def stop(self) -> None:
        """Removes the pod."""
        self._cluster.core.delete_namespaced_pod(
            self._name, self._namespace, grace_period_seconds=0
        )

    def _pod(self) -> Any:
        return self._cluster.core.read_namespaced_pod(self._name, self._namespace)
