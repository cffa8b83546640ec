"""Only what has to talk, talks."""

from itertools import product
from typing import Any

import pytest

from helm.tool import Manifest

from .manifests import of_kind, pods, with_values

PORTS = {"mysql": 3306, "rabbitmq": 5672, "redis": 6379, "api": 8080}
TALKS = {
    *product(("api", "consumer", "refiller"), ("mysql", "rabbitmq", "redis")),
    *product(("migration", "silence", "backup"), ("mysql",)),
    ("silence", "redis"),
    ("test", "api"),
}


def _labels(component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "jobhopper",
        "app.kubernetes.io/instance": "jobhopper",
        "app.kubernetes.io/component": component,
    }


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in among)
    return wanted <= labels.items() and all(labels.get(e["key"]) in e["values"] for e in among)


def _allows(rule: dict[str, Any], peers: str, other: dict[str, str], port: int) -> bool:
    if port not in [one["port"] for one in rule["ports"]]:
        return False
    return peers not in rule or any(_selects(p["podSelector"], other) for p in rule[peers])


def _may_talk(policies: list[Manifest], source: str, target: str, port: int) -> bool:
    def passes(component: str, way: str, peers: str, other: str) -> bool:
        selected = [
            p["spec"] for p in policies if _selects(p["spec"]["podSelector"], _labels(component))
        ]
        assert selected, component
        rules = [rule for spec in selected for rule in spec.get(way, [])]
        return any(_allows(rule, peers, _labels(other), port) for rule in rules)

    return passes(source, "egress", "to", target) and passes(target, "ingress", "from", source)


def test_who_talks_to_whom() -> None:
    manifests = with_values("default")
    policies = of_kind(manifests, "NetworkPolicy")
    components = {pod.component for pod in pods(manifests)}
    found = {
        (source, target)
        for source, target in product(components, PORTS)
        if source != target and _may_talk(policies, source, target, PORTS[target])
    }
    assert found == TALKS


def test_every_policy_holds_both_ways() -> None:
    for policy in of_kind(with_values("default"), "NetworkPolicy"):
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_callers_of_the_api_and_of_metrics_can_be_named() -> None:
    published = _ingress("published", "api", 8080)
    assert published == [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]
    (scraper,) = _ingress("external", "consumer", 9464)
    assert scraper["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "monitoring"
    }


def _ingress(values: str, component: str, port: int) -> list[dict[str, Any]]:
    name = f"jobhopper-{component}"
    policies = of_kind(with_values(values), "NetworkPolicy")
    (policy,) = [one for one in policies if one["metadata"]["name"] == name]
    (rule,) = [r for r in policy["spec"]["ingress"] if r["ports"][0]["port"] == port]
    peers: list[dict[str, Any]] = rule["from"]
    return peers


def test_external_stores_are_where_they_are_said_to_be() -> None:
    policies = of_kind(with_values("external"), "NetworkPolicy")
    (api,) = [one for one in policies if one["metadata"]["name"] == "jobhopper-api"]
    stores = [rule for rule in api["spec"]["egress"] if "to" in rule]
    assert [rule["ports"][0]["port"] for rule in stores] == [3306, 5672, 6379]
    assert not [one for one in policies if one["metadata"]["name"].endswith("mysql")]


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute"])
def test_long_polls_have_patience(kind: str) -> None:
    (found,) = of_kind(with_values("published"), kind)
    texts = [*found["metadata"].get("annotations", {}).values()]
    texts += [t for rule in found["spec"]["rules"] for t in rule.get("timeouts", {}).values()]
    assert {text.removesuffix("s") for text in texts} >= {"75"}


def test_a_node_port_can_be_fixed() -> None:
    (service,) = [
        s for s in of_kind(with_values("published"), "Service") if "api" in s["metadata"]["name"]
    ]
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"][0]["nodePort"] == 30080
