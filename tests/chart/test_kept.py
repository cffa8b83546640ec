"""Secrets are made once; an upgrade, and an install after an uninstall, find them again."""

import base64

import pytest

from helm.tool import HelmError, Manifest

from .cluster import Cluster
from .manifests import find


def _value(manifests: list[Manifest], secret: str, key: str) -> str:
    data = find(tuple(manifests), "Secret", secret)["data"]
    return base64.b64decode(data[key]).decode()


def test_two_installs_have_nothing_in_common(cluster: Cluster) -> None:
    first, second = cluster.render(), cluster.render()
    for secret, key in [("keys", "admin-key"), ("keys", "lease-keys"), ("mysql", "password")]:
        assert _value(first, secret, key) != _value(second, secret, key)


def test_an_upgrade_renders_the_same(cluster: Cluster) -> None:
    first = cluster.render()
    cluster.add(first)
    assert cluster.render() == first


def test_what_outlives_an_uninstall_is_found_by_the_next_install(cluster: Cluster) -> None:
    first = cluster.render()
    notes = "helm.sh/resource-policy"
    kept = [one for one in first if notes in one["metadata"].get("annotations", {})]
    cluster.add(kept, kinds=("Secret", "PersistentVolumeClaim"))
    assert {one["metadata"]["name"] for one in kept} == {
        "jobhopper-keys",
        "jobhopper-mysql",
        "jobhopper-rabbitmq",
        "jobhopper-redis",
        "jobhopper-backup",
    }
    assert cluster.render() == first


def test_a_password_that_is_given_counts_and_replaces_the_pods(cluster: Cluster) -> None:
    first = cluster.render()
    cluster.add(first)
    second = cluster.render("redis.auth.password=another")
    assert _value(second, "urls", "redis-url").startswith("redis://:another@")
    for kind, name in [
        ("Deployment", "api"),
        ("StatefulSet", "consumer"),
        ("StatefulSet", "redis"),
    ]:
        before, after = (find(tuple(m), kind, name)["spec"]["template"] for m in (first, second))
        assert before["metadata"]["annotations"] != after["metadata"]["annotations"], name
    assert find(tuple(first), "StatefulSet", "mysql") == find(tuple(second), "StatefulSet", "mysql")


def test_secrets_of_ones_own_are_read(cluster: Cluster) -> None:
    encoded = base64.b64encode(b"p@ss").decode()
    cluster.add_secret("store", {"password": encoded, "root-password": encoded})
    given = ("mysql.auth.existingSecret=store", "rabbitmq.auth.existingSecret=store")
    found = cluster.render(*given, "redis.auth.existingSecret=store")
    for store in ("mysql", "rabbitmq", "redis"):
        assert _value(found, store, "password") == "p@ss"
        assert ":p%40ss@" in _value(found, "urls", f"{store}-url")


def test_the_credentials_of_an_external_store_are_read(cluster: Cluster) -> None:
    user, password = (base64.b64encode(text).decode() for text in (b"me", b"a/b"))
    cluster.add_secret("db", {"who": user, "pw": password})
    given = (
        "mysql.enabled=false",
        "external.mysql.host=db.example",
        "external.mysql.existingSecret=db",
    )
    found = cluster.render(
        *given, "external.mysql.passwordKey=pw", "external.mysql.usernameKey=who"
    )
    url = _value(found, "urls", "mysql-url")
    assert url == "mysql://me:a%2Fb@db.example:3306/jobhopper"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            ("mysql.enabled=false", "external.mysql.host=db", "external.mysql.existingSecret=none"),
            "external.mysql.existingSecret: the Secret none with the key password is not in the",
        ),
        (
            ("redis.auth.existingSecret=none",),
            "redis.auth.existingSecret: the Secret none with the key password is not in the",
        ),
    ],
)
def test_a_missing_secret_is_named(cluster: Cluster, settings: tuple[str, ...], told: str) -> None:
    with pytest.raises(HelmError) as refused:
        cluster.render(*settings)
    assert told in str(refused.value)
