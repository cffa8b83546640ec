"""How many replicas there are, and who decides."""

import pytest

from .cluster import Cluster
from .manifests import find, of_kind, with_settings, with_values

_SCALED = (
    "api.autoscaling.enabled=true",
    "consumer.keda.enabled=true",
    "consumer.keda.serverAddress=http://prometheus:9090",
)


def test_replicas_are_left_to_an_autoscaler() -> None:
    manifests = with_values("scaled")
    assert "replicas" not in find(manifests, "Deployment", "api")["spec"]
    assert "replicas" not in find(manifests, "StatefulSet", "consumer")["spec"]
    scaler = find(manifests, "HorizontalPodAutoscaler", "api")["spec"]
    assert scaler["scaleTargetRef"]["name"] == "jobhopper-api"
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 12)
    scaled = find(manifests, "ScaledObject", "consumer")["spec"]
    assert scaled["scaleTargetRef"]["kind"] == "StatefulSet"


def test_one_that_is_turned_on_begins_with_what_runs(cluster: Cluster) -> None:
    running = cluster.render("api.replicas=5", "consumer.replicas=3")
    cluster.add(running, ("Deployment", "StatefulSet"))
    scaled = tuple(cluster.render(*_SCALED))
    assert find(scaled, "Deployment", "api")["spec"]["replicas"] == 5
    assert find(scaled, "StatefulSet", "consumer")["spec"]["replicas"] == 3


def test_one_begins_anew_after_a_restore(cluster: Cluster) -> None:
    """None ran meanwhile, and an autoscaler leaves what has none alone."""
    restoring = cluster.render("backup.restore.file=jobhopper-1.sql.gz")
    cluster.add(restoring, ("Deployment", "StatefulSet"))
    assert "replicas" not in find(tuple(cluster.render(*_SCALED)), "Deployment", "api")["spec"]


def test_without_one_they_are_those_of_the_values() -> None:
    manifests = with_values("default")
    assert find(manifests, "Deployment", "api")["spec"]["replicas"] == 2
    assert find(manifests, "StatefulSet", "consumer")["spec"]["replicas"] == 2
    assert find(manifests, "Deployment", "refiller")["spec"]["replicas"] == 2
    assert not of_kind(manifests, "HorizontalPodAutoscaler")


@pytest.mark.parametrize(
    ("settings", "guarded"),
    [
        ((), {"api", "consumer", "refiller"}),
        (("api.replicas=1", "consumer.replicas=1", "refiller.replicas=1"), set()),
        (("api.autoscaling.enabled=true", "api.replicas=1"), {"api", "consumer", "refiller"}),
        (("api.podDisruptionBudget.enabled=false",), {"consumer", "refiller"}),
        (("rabbitmq.enabled=false",), {"api", "refiller"}),
    ],
)
def test_budgets_where_there_are_two(settings: tuple[str, ...], guarded: set[str]) -> None:
    found = of_kind(with_settings(*settings), "PodDisruptionBudget")
    assert {one["metadata"]["name"].removeprefix("jobhopper-") for one in found} == guarded
    for one in found:
        assert one["spec"]["maxUnavailable"] == 1


def test_nothing_else_runs_while_a_dump_is_restored() -> None:
    manifests = with_values("restore")
    for kind, name in [("Deployment", "api"), ("Deployment", "refiller")]:
        assert find(manifests, kind, name)["spec"]["replicas"] == 0
    assert find(manifests, "StatefulSet", "consumer")["spec"]["replicas"] == 0
    assert not of_kind(manifests, "HorizontalPodAutoscaler")
    assert not of_kind(manifests, "ScaledObject")
    assert all(one["spec"]["suspend"] for one in of_kind(manifests, "CronJob"))
    jobs = [one["metadata"]["name"] for one in of_kind(manifests, "Job")]
    assert [name.rpartition("-")[0] for name in jobs] == ["jobhopper-restore"]
