"""A real Prometheus scrapes the services under load: panels show something, alerts fire.

The tests go in order: first all is well, then one thing after another is broken.
"""

import json
import re
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pika
import pymysql
import pytest
import redis
from api.caller import wait_until
from api.steps import uuid7
from pika.adapters.blocking_connection import BlockingChannel
from scraping.expected import silent_panels, unseen_metrics
from scraping.load import Load
from scraping.server import Server

from jobhopper_core.broker.envelope import encode, of_tick
from jobhopper_core.broker.names import EXCHANGE, HEADER_WRITES, Lane, queue_of
from jobhopper_core.model import ids
from jobhopper_core.store.mysql import connection_options
from monitoring import alerts, dashboards
from monitoring.plot import Prometheus, draw_all
from stack.containers.container import Container
from stack.process import Process
from stack.services import Services

pytestmark = pytest.mark.slow
# Rates look at a window; with a scrape a second this one is full after so long.
_FAR = "2099-01-01T00:00:00Z"
_QUEUE = queue_of(Lane.CREATES, 0)
_WINDOW, _FULL = "10s", 20.0
_LOST = 'jobhopper_audit_drift{check="accepted"} > 0'
_DRY = 'ALERTS{alertname="JobhopperHopperDry", alertstate="firing", queue="dry"}'
# Whose causes take too long here: promtool alone fires these.
_LEFT_TO_PROMTOOL = {
    "JobhopperSilencingNever": "an install has to be older than 35 days; pending is all it gets",
    "JobhopperExpiringWithoutTicks": "the refiller waits for a quarter of an hour, come what may",
    "JobhopperAuditMissing": "no audit for ten minutes, with MySQL there throughout",
    "JobhopperLoopStale": "a turn has to hang, and no store, however it fails, makes one do so",
}


@pytest.fixture(scope="module")
def prometheus(server: Server, load: Load) -> Prometheus:
    """Asks the server, once it has seen enough of the load."""
    wait_until(lambda: server.targets() == ["up"] * 7, 20)
    time.sleep(_FULL)
    return Prometheus(server.url, _WINDOW)


def test_every_panel_shows_something_under_load(prometheus: Prometheus) -> None:
    assert silent_panels(prometheus, 10) == set()


def test_every_panel_can_be_drawn(prometheus: Prometheus, server: Server, tmp_path: Path) -> None:
    drawn = draw_all(server.url, tmp_path, 20, _WINDOW)
    assert [path.stat().st_size > 10_000 for path in drawn] == [True] * len(dashboards.ALL)


def test_every_alert_has_what_it_looks_at_and_none_fires_while_all_is_well(
    prometheus: Prometheus, server: Server
) -> None:
    assert unseen_metrics(prometheus) == set()
    assert server.broken_rules() == []
    # Alerts wait for a second here, not for minutes, and what runs beside may hold Redis up for
    # one; an alert that is wrong does not stop.
    server.await_quiet(pending={"JobhopperSilencingNever"})
    cover = prometheus.now("max by (queue) (jobhopper_hopper_cover_seconds) < +Inf")
    assert len(cover) == 2


def test_a_job_that_nobody_claims(
    prometheus: Prometheus, server: Server, load: Load, mysql: Container
) -> None:
    load.api.post("/v1/jobs?wait=persisted", {"queue": "lonely", "type": "t"})
    ago = int((time.time() - 2 * 3600) * 1_000_000)
    change(mysql, "UPDATE jobs SET created_at = %s, run_at = %s WHERE queue = 'lonely'", ago, ago)
    server.await_firing("JobhopperQueueWithoutWorkers", "JobhopperQueueBehind")
    load.api.patch("/v1/queues/lonely", {"paused": True})
    wait_until(lambda: not any("Queue" in name for name in server.firing()), 30)


@pytest.fixture(scope="module")
def lost(services: Services, valkey: Container) -> str:
    """The id of a job that is nowhere, planted in the sample of those that `services` accepted."""
    made = ids.IdMaker().make(1, int((time.time() - 60) * 1_000_000))[0]
    with redis.Redis.from_url(valkey.url) as client:
        client.zadd("jh:accepted", {made: ids.unix_ms(made)})
    return made


# What an audit is to find is planted here, and looked for later: the next one may be 20 s away.
@pytest.mark.usefixtures("lost")
def test_leases_that_run_out(prometheus: Prometheus, server: Server, load: Load) -> None:
    # Twice, since a counter that begins has no rate yet; many, since there are two consumers.
    for _ in range(2):
        for _ in range(10):
            load.api.post("/v1/jobs?wait=persisted", {"queue": "forgotten", "type": "t"})
        claim = {"queues": ["forgotten"], "lease": 1, "max": 20, "wait": 5}
        assert load.api.post("/v1/claims", claim).json["jobs"]
        time.sleep(15)
    server.await_firing("JobhopperLeasesExpire")


def test_what_the_silencing_says(prometheus: Prometheus, server: Server, mysql: Container) -> None:
    add_run(mysql, time.time() - 36 * 24 * 3600, unfinished=0)
    server.await_firing("JobhopperSilencingOverdue")
    add_run(mysql, time.time(), unfinished=3)
    server.await_firing("JobhopperSilencedUnfinished")
    assert "3 jobs" in server.firing()["JobhopperSilencedUnfinished"]
    wait_until(lambda: "JobhopperSilencingOverdue" not in server.firing(), 20)


def test_rows_in_the_last_partition(
    prometheus: Prometheus, server: Server, load: Load, mysql: Container
) -> None:
    made = load.api.post("/v1/jobs?wait=persisted", {"queue": "centuries", "type": "t"}).json["id"]
    # An id of the last millisecond that there is: no month has been made for it.
    change(mysql, "UPDATE jobs SET id = %s WHERE queue = 'centuries'", b"\xff" * 16)
    server.await_firing("JobhopperLastPartitionUsed")
    # As it was: the audit may know that this job was accepted, and would miss it for ever.
    change(mysql, "UPDATE jobs SET id = %s WHERE queue = 'centuries'", uuid.UUID(made).bytes)


def test_a_job_that_is_nowhere(
    prometheus: Prometheus, server: Server, valkey: Container, lost: str
) -> None:
    wait_until(lambda: bool(prometheus.now(_LOST)), 90)
    server.await_firing("JobhopperDrift")
    with redis.Redis.from_url(valkey.url) as client:
        client.zrem("jh:accepted", lost)


def test_dead_letters(prometheus: Prometheus, server: Server, rabbitmq: Container) -> None:
    bury(rabbitmq, 1)
    server.await_firing("JobhopperDeadLetters")
    bury(rabbitmq, 12)
    server.await_firing("JobhopperShardHalted")


def test_a_queue_that_is_full(
    prometheus: Prometheus, server: Server, services: Services, rabbitmq: Container
) -> None:
    with frozen(services.consumers), limited(rabbitmq, size=1):
        tick(rabbitmq, 200)
        server.await_firing("JobhopperBrokerRefusesWrites")
    for one in services.consumers:
        one.await_ready()


def test_a_job_that_was_found_is_no_longer_missed(prometheus: Prometheus, server: Server) -> None:
    wait_until(lambda: not prometheus.now(_LOST), 90)
    wait_until(lambda: "JobhopperDrift" not in server.firing(), 10)


def test_consumers_that_apply_nothing(
    prometheus: Prometheus, server: Server, load: Load, mysql: Container, rabbitmq: Container
) -> None:
    # They wait in vain; that they are in RabbitMQ all the same is not asked here.
    path = "/v1/jobs?wait=persisted&timeout=3"
    big = {"queue": "mail", "type": "big", "payload": "x" * 60_000, "run_at": _FAR}
    with read_only(mysql), ThreadPoolExecutor(16) as pool:
        for _ in range(48):
            pool.submit(load.api.post, path, big)
        for _ in range(3):
            tick(rabbitmq, 800)
            time.sleep(5)
        server.await_firing(
            "JobhopperConsumerBehind",
            "JobhopperBrokerBacklog",
            "JobhopperBrokerQueueNearLimit",
            seconds=60,
        )
    wait_until(lambda: "JobhopperConsumerBehind" not in server.firing(), 60)


def test_requests_that_take_long(
    prometheus: Prometheus, server: Server, services: Services, load: Load
) -> None:
    path, job = "/v1/jobs?wait=persisted&timeout=3", {"queue": "mail", "type": "t", "run_at": _FAR}
    with frozen(services.consumers), ThreadPoolExecutor(16) as pool:
        for _ in range(96):
            pool.submit(load.api.post, path, job)
        server.await_firing("JobhopperApiSlow", seconds=60)
    for one in services.consumers:
        one.await_ready()


def test_a_hopper_that_cannot_be_filled(
    prometheus: Prometheus, server: Server, load: Load, valkey: Container
) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("maxmemory", 1)
        try:
            # A queue that is new: the hoppers of others may keep what nobody can take out.
            load.api.post("/v1/jobs?wait=persisted", {"queue": "dry", "type": "t"})
            wait_until(lambda: bool(prometheus.now(_DRY)), 30)
            server.await_firing("JobhopperHopperDry")
        finally:
            client.config_set("maxmemory", 0)
    load.api.patch("/v1/queues/dry", {"paused": True})


@pytest.mark.parametrize(
    ("store", "fired"),
    [
        ("valkey", ("JobhopperRedisDown",)),
        ("rabbitmq", ("JobhopperRabbitMQDown", "JobhopperNotReady", "JobhopperTicksMissing")),
        ("mysql", ("JobhopperMySQLDown", "JobhopperOutage", "JobhopperApiErrors")),
    ],
)
def test_a_store_that_is_killed(
    store: str,
    fired: tuple[str, ...],
    prometheus: Prometheus,
    server: Server,
    request: pytest.FixtureRequest,
) -> None:
    container: Container = request.getfixturevalue(store)
    with container.killed():
        server.await_firing(*fired)
    wait_until(lambda: not {name for name in server.firing() if name.endswith("Down")}, 30)


def test_two_stores_that_are_killed(
    prometheus: Prometheus, server: Server, rabbitmq: Container, valkey: Container
) -> None:
    with rabbitmq.killed(), valkey.killed():
        server.await_firing("JobhopperTwoStoresDown")
    wait_until(lambda: not {name for name in server.firing() if name.endswith("Down")}, 30)


@pytest.mark.parametrize("component", ["consumer", "refiller", "api"])
def test_processes_that_are_missing(
    component: str, prometheus: Prometheus, server: Server, services: Services
) -> None:
    processes = getattr(services, f"{component}s")
    for one in processes:
        one.kill()
    server.await_firing(f"Jobhopper{component.capitalize()}Missing", "JobhopperScrapeFails")
    for one in processes:
        one.start()
    for one in processes:
        one.await_ready()


def test_nothing_is_scraped(prometheus: Prometheus, server: Server, services: Services) -> None:
    for one in services.all:
        one.kill()
    server.await_firing("JobhopperAbsent")


def test_each_alert_has_fired_or_takes_too_long(server: Server) -> None:
    known = {alert.name for group in alerts.ALL for alert in group.alerts}
    assert known - server.fired == set(_LEFT_TO_PROMTOOL)


def add_run(mysql: Container, ended: float, unfinished: int) -> None:
    at = int(ended * 1_000_000)
    sql = (
        "INSERT INTO prune_runs (id, started_at, updated_at, finished_at, cutoff, position, "
        "seen, silenced, unfinished) VALUES (%s, %s, %s, %s, %s, %s, 9, 9, %s)"
    )
    change(mysql, sql, at, at, at, at, at, bytes(16), unfinished)


def change(mysql: Container, sql: str, *values: object) -> None:
    with pymysql.connect(**connection_options(mysql.url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        connection.commit()


def bury(rabbitmq: Container, number: int) -> None:
    """Sends jobs that the database refuses."""
    body = '{"v":1,"id":"%s","at":1,"writes":[{"op":"create","id":"nonsense"}]}'
    with channel_to(rabbitmq) as channel:
        for _ in range(number):
            name = uuid7(time.time())
            properties = pika.BasicProperties(message_id=name, delivery_mode=2, type="writes")
            channel.basic_publish(EXCHANGE, _QUEUE, (body % name).encode(), properties)


def tick(rabbitmq: Container, number: int) -> None:
    """Sends what says nothing, but has to be applied like everything else."""
    body = encode(of_tick(int(time.time() * 1_000_000)))
    properties = pika.BasicProperties(delivery_mode=2, type="tick", headers={HEADER_WRITES: 0})
    with channel_to(rabbitmq) as channel:
        for _ in range(number):
            channel.basic_publish(EXCHANGE, _QUEUE, body, properties)


@contextmanager
def channel_to(rabbitmq: Container) -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
    yield connection.channel()
    connection.close()


@contextmanager
def limited(rabbitmq: Container, size: int) -> Iterator[None]:
    """A queue that holds more than `size` bytes refuses."""
    definition = json.dumps({"max-length-bytes": size})
    queues = ("--apply-to", "queues", "limited", rf"^{re.escape(_QUEUE)}$", definition)
    rabbitmq.execute("rabbitmqctl", "set_policy", *queues)
    try:
        yield
    finally:
        rabbitmq.execute("rabbitmqctl", "clear_policy", "limited")


@contextmanager
def frozen(processes: list[Process]) -> Iterator[None]:
    for one in processes:
        one.send(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in processes:
            one.send(signal.SIGCONT)


@contextmanager
def read_only(mysql: Container) -> Iterator[None]:
    """Whoever writes waits in vain."""
    with pymysql.connect(**connection_options(mysql.url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
        # The lock is the connection's.
        yield
