"""A value that is misspelt is refused by its name; every value is in the schema and the file."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from helm.tool import CHART, HelmError, render

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
# Maps whose keys are the user's own.
OPEN = {"annotations", "podAnnotations", "podLabels", "labels", "nodeSelector", "affinity"}
OPEN |= {"requests", "limits"}


def _mappings(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and (not path or path[-1] not in OPEN):
        yield path
        for key, below in value.items():
            yield from _mappings(below, (*path, key))


def _misspelt(path: tuple[str, ...]) -> dict[str, Any]:
    values = copy.deepcopy(VALUES)
    at = values
    for key in path:
        at = at[key]
    at["enabeld"] = True
    found: dict[str, Any] = values
    return found


@pytest.mark.parametrize("path", list(_mappings(VALUES)), ids=".".join)
def test_nothing_unknown_is_taken_at_any_depth(path: tuple[str, ...]) -> None:
    faults = list(Draft202012Validator(SCHEMA).iter_errors(_misspelt(path)))
    assert [fault for fault in faults if "enabeld" in fault.message], faults


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("api.replcas=3", "'replcas' not allowed"),
        ("mysql.persistence.sise=1Gi", "'sise' not allowed"),
        ("exernal.mysql.host=db", "'exernal' not allowed"),
        ("api.replicas=many", "/api/replicas"),
        ("shards=0", "/shards"),
        ("logLevel=loud", "/logLevel"),
        ("secrets.adminKey=secret", "/secrets/adminKey"),
        ("backup.restore.file=../x", "/backup/restore/file"),
    ],
)
def test_helm_names_the_field(setting: str, told: str) -> None:
    with pytest.raises(HelmError) as refused:
        render("--set", setting)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["mysql.enabled=false"], "mysql.enabled is false and external.mysql.host is empty"),
        (["external.redis.host=r"], "set redis.enabled=false"),
        (
            ["rabbitmq.enabled=false", "external.rabbitmq.urlKey=u"],
            "external.rabbitmq.urlKey and usernameKey are keys of external.rabbitmq.existingSecret",
        ),
        (["consumer.keda.enabled=true"], "consumer.keda.serverAddress"),
        (["httpRoute.enabled=true"], "httpRoute.parentRefs"),
    ],
)
def test_what_can_not_be_meant_is_refused(settings: list[str], told: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(*[word for one in settings for word in ("--set", one)])
    assert told in str(refused.value)


def test_schema_and_values_know_the_same() -> None:
    for path in _mappings(VALUES):
        values, schema = VALUES, SCHEMA
        for key in path:
            values, schema = values[key], _resolved(schema["properties"][key])
        known = schema["properties"].keys() - {"global"} if path else schema["properties"].keys()
        assert set(known) == set(values), ".".join(path)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    named = schema.get("$ref", "").removeprefix("#/$defs/")
    found: dict[str, Any] = SCHEMA["$defs"][named] if named else schema
    return found
