"""Secrets stand in Secrets alone, and pods read them from files."""

import base64
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from helm.tool import Manifest
from jobhopper_core.broker.connect import parameters
from jobhopper_core.hopper.link import client
from jobhopper_core.leases import keys
from jobhopper_core.model import access
from jobhopper_core.settings import SECRETS
from jobhopper_core.store.mysql import connection_options

from .manifests import NAMES, find, of_kind, pods, secret_data, strings, with_settings, with_values


def _secret_texts(manifests: tuple[Manifest, ...]) -> set[str]:
    found = set()
    for secret in of_kind(manifests, "Secret"):
        for value in secret["data"].values():
            text = base64.b64decode(value).decode()
            found |= {value, text}
            if "://" in text:
                found.add(unquote(urlsplit(text).password or ""))
    return found - {""}


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_stands_elsewhere(name: str) -> None:
    manifests = with_values(name)
    told = [text for one in manifests if one["kind"] != "Secret" for text in strings(one)]
    for secret in _secret_texts(manifests):
        assert not [text for text in told if secret in text]


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_in_an_environment(name: str) -> None:
    for pod in pods(with_values(name)):
        for container in pod.containers:
            assert "envFrom" not in container, pod
            for variable in container.get("env", []):
                short = variable["name"].removeprefix("JOBHOPPER_")
                assert short not in SECRETS, pod
                assert "secretKeyRef" not in variable.get("valueFrom", {}), pod


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_are_mounted(name: str) -> None:
    for pod in pods(with_values(name)):
        for container in pod.containers:
            for variable in container.get("env", []):
                if variable["name"].endswith("_FILE") and variable["value"].startswith("/"):
                    assert _is_mounted(pod.spec, container, variable["value"]), (str(pod), variable)


def _is_mounted(spec: dict[str, Any], container: dict[str, Any], file: str) -> bool:
    folder, _, name = file.rpartition("/")
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == folder]
    (volume,) = [one for one in spec["volumes"] if one["name"] == mount["name"]]
    sources = [one["secret"] for one in volume.get("projected", {}).get("sources", [])]
    paths = [item["path"] for one in sources for item in one["items"]]
    return name in paths or ("secret" in volume and "items" not in volume["secret"])


def test_what_is_made_has_the_form_that_services_read() -> None:
    made = secret_data(with_values("default"), "keys")
    assert access.key_id(made["admin-key"])
    assert list(keys.parse(made["lease-keys"])) == ["k1"]


@pytest.mark.parametrize("name", ["default", "placed"])
def test_urls_are_those_that_services_read(name: str) -> None:
    manifests = with_values(name)
    urls = secret_data(manifests, "urls")
    mysql = connection_options(urls["mysql-url"])
    assert mysql["password"] == secret_data(manifests, "mysql")["password"]
    assert mysql["host"] == find(manifests, "Service", "mysql")["metadata"]["name"]
    rabbitmq = parameters(urls["rabbitmq-url"])
    assert rabbitmq.virtual_host == "/"
    assert rabbitmq.credentials.password == secret_data(manifests, "rabbitmq")["password"]
    redis = client(urls["redis-url"]).connection_pool.connection_kwargs
    assert redis["password"] == secret_data(manifests, "redis")["password"]


def test_odd_characters_arrive_whole() -> None:
    odd = "p@s:s w/o?r#d%+&"
    manifests = with_settings(
        "mysql.enabled=false",
        "rabbitmq.enabled=false",
        "redis.enabled=false",
        *[f"external.{store}.host=h" for store in ("mysql", "rabbitmq", "redis")],
        *[f"external.{store}.password={odd}" for store in ("mysql", "rabbitmq", "redis")],
        "external.rabbitmq.vhost=/a b",
    )
    urls = secret_data(manifests, "urls")
    assert connection_options(urls["mysql-url"])["password"] == odd
    assert parameters(urls["rabbitmq-url"]).credentials.password == odd
    assert parameters(urls["rabbitmq-url"]).virtual_host == "/a b"
    assert client(urls["redis-url"]).connection_pool.connection_kwargs["password"] == odd


def test_tls_is_asked_for_with_the_authority_that_is_mounted() -> None:
    stores = ("mysql", "rabbitmq", "redis")
    manifests = with_settings(
        *[f"{store}.enabled=false" for store in stores],
        *[f"external.{store}.host=h" for store in stores],
        *[f"external.{store}.tls.enabled=true" for store in stores],
        *[f"external.{store}.tls.caSecret={store}-authority" for store in stores],
    )
    urls = secret_data(manifests, "urls")
    assert connection_options(urls["mysql-url"])["ssl_ca"] == "/etc/jobhopper/mysql-ca/ca.crt"
    assert urls["rabbitmq-url"].startswith("amqps://")
    assert "rabbitmq-ca%2Fca.crt" in urls["rabbitmq-url"]
    assert urls["redis-url"].startswith("rediss://")
    (api,) = [pod for pod in pods(manifests) if pod.component == "api"]
    mounts = {one["mountPath"] for one in api.containers[0]["volumeMounts"]}
    assert mounts >= {f"/etc/jobhopper/{store}-ca" for store in stores}


def test_rabbitmq_is_told_of_user_and_policy_alone() -> None:
    definitions = json.loads(secret_data(with_values("default"), "rabbitmq")["definitions.json"])
    assert definitions.keys() == {"vhosts", "users", "permissions", "policies"}
    (policy,) = definitions["policies"]
    assert policy["definition"] == {"max-length-bytes": 536870912}
