"""Who reaches whom, as docs/security.md has it, on a cluster that holds pods to their policies."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from stack.containers.docker import image

from .callers import Caller
from .release import NAME, Release

_ELSEWHERE = "jobhopper-elsewhere"
_STORES = {"mysql": 3306, "rabbitmq": 5672, "redis": 6379}
_SERVICES = ("api", "consumer", "refiller")
_METRICS = {f"metrics of {one}" for one in (*_SERVICES, "rabbitmq")}
# A caller that no policy of the chart is about may leave for anywhere.
_STRANGER = {"api", *_METRICS, "name service", "kubernetes"}
_REACHES = {
    "elsewhere": _STRANGER,
    "beside": _STRANGER,
    "consumer": {*_STORES, "name service"},
    "refiller": {*_STORES, "name service"},
    "migration": {"mysql", "name service"},
    "backup": {"mysql", "name service"},
    "silence": {"mysql", "redis", "name service"},
    "test": {"api", "name service"},
    **{store: set() for store in _STORES},
}
Ways = dict[str, str]


@pytest.fixture(scope="module")
def unguarded(release: Release) -> Release:
    """The release without a policy; what else it was set to before is undone."""
    release.install("networkPolicy.enabled=false")
    release.await_ready()
    return release


@pytest.fixture(scope="module")
def ways(unguarded: Release) -> Ways:
    """Each port that one could call, and two that are not the chart's."""

    def at(component: str, port: int) -> str:
        return f"{unguarded.pods(component)[0].status.pod_ip}:{port}"

    stores = {
        name: f"{NAME}-{name}.{unguarded.namespace}.svc:{port}" for name, port in _STORES.items()
    }
    return {
        **stores,
        "api": at("api", 8080),
        **{f"metrics of {one}": at(one, 9464) for one in _SERVICES},
        "metrics of rabbitmq": at("rabbitmq", 15692),
        "management of rabbitmq": at("rabbitmq", 15672),
        "name service": "kube-dns.kube-system.svc:53",
        "kubernetes": "kubernetes.default.svc:443",
    }


@pytest.fixture(scope="module")
def callers(unguarded: Release, ways: Ways) -> Iterator[dict[str, Caller]]:
    """By its name: who is a stranger, who has the labels of a component, who is a store itself."""
    cluster, namespace = unguarded.cluster, unguarded.namespace
    cluster.make_namespace(_ELSEWHERE)
    made = {
        name: Caller(cluster, _ELSEWHERE if name == "elsewhere" else namespace, f"calls-as-{name}")
        for name in _REACHES.keys() - _STORES.keys()
    }
    with ExitStack() as stack:
        stack.callback(cluster.drop_namespace, _ELSEWHERE)
        for name, caller in made.items():
            caller.start(image("VALKEY_IMAGE"), _labels(name))
            stack.callback(caller.stop)
        for caller in made.values():
            caller.await_running()
        stores = {
            name: Caller(cluster, namespace, unguarded.pods(name)[0].metadata.name)
            for name in _STORES
        }
        yield made | stores


def _labels(caller: str) -> dict[str, str]:
    ours = {"app.kubernetes.io/name": "jobhopper", "app.kubernetes.io/instance": NAME}
    return (
        {"app.kubernetes.io/name": "stranger"}
        if caller in {"elsewhere", "beside"}
        else {**ours, "app.kubernetes.io/component": caller}
    )


@pytest.fixture(scope="module")
def before(callers: dict[str, Caller], ways: Ways) -> dict[str, set[str]]:
    """What each reaches while there are no policies: it shows that the calls themselves work."""
    return {
        name: _reached(caller, _others(name, ways), set(_others(name, ways)))
        for name, caller in callers.items()
    }


@pytest.fixture(scope="module")
def guarded(before: dict[str, set[str]], unguarded: Release) -> Release:
    """The release as it is by default, with its policies."""
    unguarded.install()
    return unguarded


@pytest.mark.parametrize("name", _REACHES)
def test_without_policies_everyone_reaches_everything(
    name: str, before: dict[str, set[str]], ways: Ways
) -> None:
    assert before[name] == set(_others(name, ways))


@pytest.mark.parametrize("name", _REACHES)
def test_with_them_each_reaches_what_it_has_to(
    name: str, guarded: Release, callers: dict[str, Caller], ways: Ways
) -> None:
    assert _reached(callers[name], _others(name, ways), _REACHES[name]) == _REACHES[name]


def _others(name: str, ways: Ways) -> Ways:
    """Without those to its own kind.

    What a store calls there is itself; and kube-router lets a consumer out to the next one's
    metrics, by the rule of the same policy that lets others in.
    """
    return {way: to for way, to in ways.items() if name not in way}


def _reached(caller: Caller, ways: Ways, expected: set[str]) -> set[str]:
    """What it reaches as soon as that is what is expected, or else after half a minute.

    A network plug-in hears of policies a moment after they were made.
    """
    until = time.monotonic() + 30
    while (found := caller.reaches(ways)) != expected and time.monotonic() < until:
        time.sleep(0.5)
    return found
