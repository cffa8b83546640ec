"""An installed release."""

import base64
import time
from typing import Any

from jobhopper import Client

from .cluster import Cluster, wait_for
from .commands import CHART

NAME = "jobhopper"
# A connection that is refused is given up after one second.
_REFUSED = 3.0
_COMPONENTS = ("api", "refiller", "consumer", "mysql", "rabbitmq", "redis")


class Release:
    """Jobhopper in a namespace of its own, reached at a port of the node."""

    def __init__(self, cluster: Cluster, namespace: str, port: int = 30080) -> None:
        self.cluster, self.namespace, self._port = cluster, namespace, port
        # Seconds from `helm install` until `helm test` has passed.
        self.took = 0.0

    def install(
        self, *settings: str, wait: bool = True, seconds: int = 300, force: bool = False
    ) -> str:
        """Installs or upgrades; `settings` are of the form `name=value`.

        `force` takes back fields that others in the cluster have set since.
        """
        more = [word for one in settings for word in ("--set", one)]
        waiting = ("--wait", "--timeout", f"{seconds}s") if wait else ()
        return self.cluster.run(
            *("helm", "upgrade", "--install", NAME, CHART, "--namespace", self.namespace),
            *("--set", f"image.tag={self.cluster.tag},api.service.type=NodePort"),
            *("--set", f"api.service.nodePort={self._port}"),
            *more,
            *waiting,
            *(("--force-conflicts",) if force else ()),
            seconds=seconds + 30,
        )

    def uninstall(self) -> None:
        """Removes the release, not its volumes; what was run by hand stays to be looked at."""
        self.cluster.run("helm", "uninstall", NAME, "--namespace", self.namespace, "--wait")
        wait_for(lambda: not any(map(self.pods, _COMPONENTS)), 120, "pods are still there")

    def test(self) -> str:
        """Lets the chart test itself."""
        return self.cluster.run("helm", "test", NAME, "--namespace", self.namespace)

    @property
    def key(self) -> str:
        """The admin key."""
        secret = self.cluster.core.read_namespaced_secret(f"{NAME}-keys", self.namespace)
        return base64.b64decode(secret.data["admin-key"]).decode()

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{self.cluster.address()}:{self._port}"

    def client(self, retry_for: float = 60) -> Client:
        """A client that retries for so long (s)."""
        return Client(self.url, self.key, retry_for=retry_for)

    def pods(self, component: str = "") -> list[Any]:
        """The pods of a component."""
        return self.cluster.pods(self.namespace, component)

    def await_ready(self, seconds: float = 180) -> None:
        """Returns when every pod of the services and stores is there and ready."""
        wait_for(lambda: all(map(self._is_ready, _COMPONENTS)), seconds, "not everything is ready")

    def _is_ready(self, component: str) -> bool:
        pods = self.pods(component)
        return bool(pods) and all(
            pod.metadata.deletion_timestamp is None and _ready(pod) for pod in pods
        )

    def run_job(self, cronjob: str, name: str) -> str:
        """Runs a CronJob by hand, as an operator would, on a slow network, and returns its log."""
        with self.cluster.slow_network():
            self.cluster.run(
                *("kubectl", "--namespace", self.namespace, "create", "job", name),
                f"--from=cronjob/{NAME}-{cronjob}",
            )
            self.await_refused(name)
        return self.job_log(name)

    def await_refused(self, job: str) -> None:
        """Returns when a Job's pod has called in vain, if it calls at once."""
        pods = self._job_pods
        wait_for(
            lambda: any(pod.status.phase != "Pending" for pod in pods(job)),
            60,
            f"{job} does not start",
        )
        time.sleep(_REFUSED)

    def job_log(self, name: str, seconds: float = 180) -> str:
        """What a Job said, once it has succeeded."""
        read = self.cluster.batch.read_namespaced_job
        wait_for(
            lambda: bool(read(name, self.namespace).status.succeeded),
            seconds,
            f"{name} has not succeeded",
        )
        # One alone: it succeeded at the first try.
        (pod,) = self._job_pods(name)
        return self.cluster.log(self.namespace, pod.metadata.name)

    def _job_pods(self, name: str) -> list[Any]:
        find = self.cluster.core.list_namespaced_pod
        return list(find(self.namespace, label_selector=f"job-name={name}").items)

    def sql(self, statement: str) -> list[list[str]]:
        """What the in-chart MySQL answers."""
        client = "mysql --user=jobhopper --batch --skip-column-names jobhopper"
        shell = f'MYSQL_PWD="$(cat "$0")" {client} --execute "$1"'
        text = self.execute("mysql", "bash", "-c", shell, self._password_file(), statement)
        return [line.split("\t") for line in text.splitlines() if line]

    def execute(self, component: str, *command: str) -> str:
        """Runs a command in the first pod of a component."""
        return self.cluster.execute(self.namespace, self.pods(component)[0].metadata.name, *command)

    def _password_file(self) -> str:
        (container,) = self.pods("mysql")[0].spec.containers
        values = {one.name: one.value for one in container.env or []}
        return str(values["MYSQL_PASSWORD_FILE"])


def _ready(pod: Any) -> bool:
    conditions = {one.type: one.status for one in pod.status.conditions or []}
    return conditions.get("Ready") == "True"
