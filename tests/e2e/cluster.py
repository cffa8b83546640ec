"""The cluster that the tests have for themselves."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config

from .commands import ROOT, SCRIPTS, path_of, run

NAME, PORT = "jobhopper-test", "18080"


class Cluster:
    """A kind cluster with the images of this tree in it."""

    def __init__(self, folder: Path) -> None:
        shape = {"CLUSTER_NAME": NAME, "CLUSTER_PORT": PORT, "KUBECONFIG": str(folder / "config")}
        # The first time it makes the node's image, and the programs in it.
        path = path_of(run(SCRIPTS / "kind-up", seconds=2_400, **shape))
        tools = path_of(run(ROOT / "k8s" / "tools", "helm", seconds=900))
        self.environment = {**shape, "PATH": f"{tools}:{path}"}
        self.tag = run(SCRIPTS / "images", seconds=1_800, **self.environment).split()[-1]
        config.load_kube_config(shape["KUBECONFIG"])
        self.core, self.batch, self.apps = (
            client.CoreV1Api(),
            client.BatchV1Api(),
            client.AppsV1Api(),
        )

    def run(self, *command: str | Path, seconds: float = 120) -> str:
        """What a tool says about this cluster."""
        return run(*command, seconds=seconds, **self.environment)

    def make_namespace(self, name: str) -> None:
        """An empty namespace that enforces the strictest pod security."""
        self.drop_namespace(name, wait=True)
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.core.create_namespace({"metadata": {"name": name, "labels": labels}})

    def drop_namespace(self, name: str, *, wait: bool = False) -> None:
        """Removes a namespace and all in it; what is left of it Kubernetes looks for seldom."""
        options = ("--ignore-not-found", f"--wait={str(wait).lower()}")
        self.run("kubectl", "delete", "namespace", name, *options, seconds=180)

    def pods(self, namespace: str, component: str = "") -> list[Any]:
        """The pods of a component, in the order of their names."""
        selector = f"app.kubernetes.io/component={component}" if component else ""
        found = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return sorted(found, key=lambda pod: str(pod.metadata.name))

    def log(self, namespace: str, pod: str) -> str:
        """What a pod has said, that of its last death too."""
        texts = []
        for previous in (True, False):
            try:
                texts.append(
                    str(self.core.read_namespaced_pod_log(pod, namespace, previous=previous))
                )
            except client.ApiException:
                continue
        return "\n".join(texts)

    def execute(self, namespace: str, pod: str, *command: str) -> str:
        """Runs a command in a pod and returns what it says."""
        return self.run("kubectl", "--namespace", namespace, "exec", pod, "--", *command)

    def events(self, namespace: str) -> str:
        """All that the cluster has noted."""
        return "\n".join(str(e.message) for e in self.core.list_namespaced_event(namespace).items)

    @contextmanager
    def slow_network(self) -> Iterator[None]:
        """Until the block ends no new pod is let through, as if the network heard of it late."""
        signal = ("docker", "exec", f"{NAME}-control-plane", "pkill", "--exact", "kube-router")
        self.run(*signal, "--signal", "STOP")
        try:
            yield
        finally:
            self.run(*signal, "--signal", "CONT")

    def address(self) -> str:
        """The node's address, at which node ports answer."""
        (node,) = self.core.list_node().items
        return next(str(a.address) for a in node.status.addresses if a.type == "InternalIP")


def wait_for(ready: Callable[[], bool], seconds: float, why: str) -> None:
    """Returns as soon as `ready`; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {why}"
        time.sleep(0.5)
