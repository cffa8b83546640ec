"""The services on stores that speak TLS alone, by the URLs that the chart makes."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pika
import pymysql
import pytest
import stack_tls
import trustme
from api.caller import Api, wait_until
from api.steps import claim_one, update
from redis.exceptions import RedisError
from test_stack_start import settings_of

from jobhopper_core.broker.connect import AWAY, parameters
from jobhopper_core.hopper.link import client
from jobhopper_core.store.mysql import connection_options
from jobhopper_core.telemetry.reason import reason_of
from stack.containers.container import Container
from stack.containers.kinds import SECRET
from stack.process import Process
from stack.services import Services, Stores

_COMMANDS = ("api", "consumer", "refiller")
_BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("authority") / "ca.crt"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="module")
def containers(authority: trustme.CA) -> Iterator[list[Container]]:
    with stack_tls.serving(authority) as running:
        yield running


@pytest.fixture(scope="module")
def tls_stores(containers: list[Container], authority_file: Path) -> Stores:
    return stack_tls.urls(containers, authority_file)


@pytest.fixture(scope="module")
def services(tls_stores: Stores) -> Iterator[Services]:
    with Services(tls_stores) as running:
        yield running


def ups(api: Api) -> dict[str, bool]:
    stores = api.get("/v1/system").json["stores"]
    return {name: one["up"] for name, one in stores.items()}


def test_a_job_lives_its_life_over_tls(api: Api) -> None:
    wait_until(lambda: ups(api) == dict.fromkeys(Stores._fields, True))
    made = api.post("/v1/jobs", {"queue": "tls", "type": "t"})
    assert (made.status, made.json["receipt"]) == (202, "rabbitmq")
    job = claim_one(api, "tls", wait=10)
    assert update(api, job, status="succeeded").json["receipt"] == "rabbitmq"
    wait_until(lambda: api.get(f"/v1/jobs/{job['id']}").json["status"] == "succeeded")


@pytest.mark.parametrize("lost", [0, 1, 2], ids=Stores._fields)
def test_a_store_that_comes_back_is_spoken_to_again(
    lost: int, api: Api, containers: list[Container]
) -> None:
    with containers[lost].killed():
        wait_until(lambda: not ups(api)[Stores._fields[lost]])
    wait_until(lambda: ups(api)[Stores._fields[lost]], 30)
    assert (
        api.post("/v1/jobs?wait=persisted&timeout=10", {"queue": "tls", "type": "t"}).status == 201
    )


@pytest.mark.parametrize("job", [("migrate",), ("pruner", "silence")], ids=lambda job: job[0])
def test_jobs_that_run_once_speak_tls_too(job: tuple[str, ...], services: Services) -> None:
    settings = {"JOBHOPPER_MYSQL_URL": services.stores.mysql, "JOBHOPPER_LOG_LEVEL": "warning"}
    subprocess.run([_BIN / f"jobhopper-{job[0]}", *job[1:]], env=settings, check=True)


def test_the_chart_can_leave_a_server_unchecked_or_to_the_machine(
    containers: list[Container],
) -> None:
    stores = stack_tls.urls(containers, None)
    assert stores.mysql.endswith("?ssl=true")
    with pymysql.connect(**connection_options(stores.mysql)) as connection:
        assert connection.get_server_info()
    # Of the machine's authorities none vouches for these servers, so the other two are refused.
    for connect in (
        lambda: client(stores.redis).ping(),
        lambda: pika.BlockingConnection(parameters(stores.rabbitmq)),
    ):
        with pytest.raises((RedisError, *AWAY)) as refused:
            connect()
        assert "CERTIFICATE_VERIFY_FAILED" in reason_of(refused.value)


# A consumer speaks to Redis only once it has something to tell.
@pytest.mark.parametrize(
    ("command", "store"),
    [pair for pair in product(_COMMANDS, Stores._fields) if pair != ("consumer", "redis")],
)
def test_a_certificate_that_nobody_vouches_for_is_said_to_be_the_reason(
    store: str, command: str, containers: list[Container], services: Services, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(str(other))
    wrong = stack_tls.urls(containers, other)
    mixed = services.stores._replace(**{store: getattr(wrong, store)})
    settings = settings_of(command, mixed.mysql) | {
        "JOBHOPPER_RABBITMQ_URL": mixed.rabbitmq,
        "JOBHOPPER_REDIS_URL": mixed.redis,
    }
    probe = int(settings["JOBHOPPER_METRICS_LISTEN"].rpartition(":")[2])
    process = Process(f"jobhopper-{command}", settings, tmp_path / "log", probe)
    process.start()
    try:
        wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in process.tail(), 20)
    finally:
        code, said = process.stop(), process.tail()
    assert code == 0
    assert "Traceback" not in said
    assert f":{SECRET}@" not in said
