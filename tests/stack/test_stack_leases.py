"""The lease promise over HTTP: by MySQL's clock, whatever those of the pods say."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from api.caller import Api, Reply, wait_until
from conftest import Launch
from stack_traffic import Traffic

from stack.containers.container import Container
from stack.services import Services

_SKEWS = (3.0, -3.0)
# What a process imports at its start; so its clock is wrong from the first moment on.
_WRONG_CLOCK = """
import time
_skew = {skew!r}
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _skew
time.time_ns = lambda: _time_ns() + int(_skew * 1e9)
"""


pytestmark = pytest.mark.timed


@pytest.fixture(scope="module")
def services(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Two APIs, one three seconds ahead, the other three behind."""
    made = launch(apis=2, consumers=1, refillers=1)
    for number, (process, skew) in enumerate(zip(made.apis, _SKEWS, strict=True)):
        folder: Path = tmp_path_factory.mktemp(f"clock{number}")
        (folder / "sitecustomize.py").write_text(_WRONG_CLOCK.format(skew=skew))
        process.stop()
        process._settings["PYTHONPATH"] = str(folder)
        process.start()
        process.await_ready()
    return made


@pytest.fixture
def apis(services: Services) -> Iterator[tuple[Api, Api]]:
    one, two = (Api(port, services.key) for port in services.ports)
    yield one, two
    one.close()
    two.close()


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def claimed(api: Api, queue: str, lease: int) -> dict[str, Any]:
    created = api.post("/v1/jobs?wait=persisted&timeout=10", {"queue": queue, "type": "t"})
    assert created.status == 201
    jobs = api.post("/v1/claims", {"queues": [queue], "lease": lease, "wait": 5}).json["jobs"]
    found: dict[str, Any] = jobs[0]
    return found


def update(api: Api, job: dict[str, Any], token: str | None = None, **said: Any) -> Reply:
    lease = token or job["lease"]["token"]
    return api.patch(f"/v1/jobs/{job['id']}", {"lease": lease, **said})


def test_all_pods_tell_the_time_of_mysql(apis: tuple[Api, Api]) -> None:
    for api in apis:
        assert abs(seconds(api.get("/v1/system").json["time"]) - time.time()) < 0.5
        job = claimed(api, "clock", 60)
        assert abs(seconds(job["created_at"]) - time.time()) < 2
        assert 58 < seconds(job["lease"]["expires_at"]) - time.time() < 60.5


def test_each_pod_takes_updates_until_the_lease_ends_and_none_after(apis: tuple[Api, Api]) -> None:
    one, two = apis
    held = [claimed(api, "until", 4) for api in (one, two)]
    end = min(seconds(job["lease"]["expires_at"]) for job in held)
    time.sleep(max(0.0, end - 1.2 - time.time()))
    # Each on the other pod, whose clock is six seconds away.
    assert update(two, held[0], status="succeeded", result=1).status == 202
    extended = update(one, held[1], extend=3)
    assert extended.status == 202
    late = max(seconds(extended.json["lease"]["expires_at"]), end + 1)
    time.sleep(max(0.0, late + 0.3 - time.time()))
    for api in apis:
        token = extended.json["lease"]["token"]
        refused = update(api, held[1], token, status="succeeded", result=2)
        assert (refused.status, refused.code) == (409, "lease_expired")
    wait_until(lambda: one.get(f"/v1/jobs/{held[0]['id']}").json["status"] == "succeeded")


@pytest.mark.slow
def test_a_worker_that_slept_through_its_lease_changes_nothing(apis: tuple[Api, Api]) -> None:
    one, two = apis
    assert one.patch("/v1/queues/slept", {"backoff": {"base": 0.1, "jitter": 0}}).status == 200
    first = claimed(one, "slept", 1)
    body = {"queues": ["slept"], "lease": 60, "wait": 30}
    (second,) = two.post("/v1/claims", body).json["jobs"]
    assert (second["id"], second["attempt"]) == (first["id"], 2)
    assert update(one, first, status="succeeded", result="first").code == "lease_expired"
    assert update(two, second, status="succeeded", result="second").status == 202
    wait_until(lambda: one.get(f"/v1/jobs/{first['id']}").json["status"] == "succeeded")
    found = one.get(f"/v1/jobs/{first['id']}").json
    assert (found["result"], found["attempt"]) == ("second", 2)
    assert [(a["attempt"], a["outcome"]) for a in found["attempts"]] == [(1, "expired")]


@pytest.mark.slow
def test_under_load_and_without_mysql_every_accepted_result_counts(
    services: Services, mysql: Container
) -> None:
    with Traffic(services, "load") as traffic:
        wait_until(lambda: len(traffic.results) > 50)
        with mysql.paused():
            time.sleep(8)
        time.sleep(3)
        traffic.await_all_done(60)
        traffic.check_once()
        assert set(traffic.said("update", 0)) <= {(202, "rabbitmq"), (200, "mysql")}
