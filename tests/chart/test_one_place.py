"""What stands in two files stands there alike: versions, images, the stores' settings."""

import re
import tomllib

import pytest
import yaml

from helm.tool import CHART, ROOT

from .manifests import NAMES, find, pods, with_values

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
# Sizes are the installation's own.
SIZES = {
    "innodb_buffer_pool_size", "innodb_redo_log_capacity", "max_connections", "mysqlx",
    "vm_memory_high_watermark.absolute", "load_definitions", "maxmemory", "include",
}  # fmt: skip


def test_the_chart_is_of_the_projects_version() -> None:
    project = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project
    below = [yaml.safe_load(path.read_text()) for path in CHART.glob("charts/*/Chart.yaml")]
    assert {one["version"] for one in (chart, *chart["dependencies"], *below)} == {chart["version"]}


@pytest.mark.parametrize(
    ("store", "variable"),
    [("mysql", "MYSQL_IMAGE"), ("rabbitmq", "RABBITMQ_IMAGE"), ("redis", "VALKEY_IMAGE")],
)
def test_store_images_are_those_of_the_tests(store: str, variable: str) -> None:
    named = re.search(
        rf"^{variable}=(.+)$", (ROOT / "k8s" / "images.env").read_text(), re.MULTILINE
    )
    assert named is not None
    image = VALUES[store]["image"]
    assert f"{image['repository']}:{image['tag']}" == named[1]


def test_no_template_names_an_image_or_a_tag() -> None:
    for path in [*CHART.glob("templates/**/*.*"), *CHART.glob("charts/*/templates/*")]:
        for line in path.read_text().splitlines():
            if re.match(r"\s*(- )?image: ", line):
                assert "{{" in line, path


@pytest.mark.parametrize("name", NAMES)
def test_our_images_are_of_one_registry_and_tag(name: str) -> None:
    images = [c["image"] for pod in pods(with_values(name)) for c in pod.containers]
    ours = [image for image in images if "jobhopper/" in image]
    start, tag = (
        ("registry.example.com/team/", "0.1.0-rc.1") if name == "published" else ("", "0.1.0")
    )
    assert {image.partition("jobhopper/")[0] for image in ours} == {start}
    assert {image.rpartition(":")[2] for image in ours} == {tag}


@pytest.mark.parametrize(
    ("store", "ours", "theirs", "separator"),
    [
        ("mysql", "mysql.cnf", "jobhopper.cnf", "="),
        ("rabbitmq", "rabbitmq.conf", "50-jobhopper.conf", "="),
        ("redis", "valkey.conf", "valkey.conf", " "),
    ],
)
def test_stores_are_set_as_in_the_tests(store: str, ours: str, theirs: str, separator: str) -> None:
    tested = _settings((ROOT / "k8s" / "stores" / ours).read_text(), separator)
    config = find(with_values("default"), "ConfigMap", store)["data"][theirs]
    assert _settings(config, separator) == tested


def _settings(text: str, separator: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    pairs = [line.partition(separator) for line in lines]
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() not in SIZES}


def test_the_enforcer_of_policies_is_made_of_the_modules_of_the_node() -> None:
    """So that Go builds what they share once."""
    node, enforcer = _modules("kindest/node"), _modules("cloudnativelabs/kube-router")
    shared = node.keys() & enforcer.keys()
    assert "k8s.io/client-go" in shared
    assert {one: enforcer[one] for one in shared} == {one: node[one] for one in shared}


def _modules(recipe: str) -> dict[str, str]:
    """The versions that a recipe's Go is built of; what is replaced counts as what replaces it."""
    text = (ROOT / "k8s" / "airgap" / "recipes" / recipe / "go" / "go.mod").read_text()
    required = re.findall(r"^(?:require |\t)(\S+) (v\S+)", text, re.MULTILINE)
    replaced = re.findall(r"^(?:replace |\t)\S+ => (\S+) (v\S+)", text, re.MULTILINE)
    return dict(required) | dict(replaced)
