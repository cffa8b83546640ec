"""A real Prometheus scrapes the services under load: panels show something, alerts fire.

The tests go in order: first all is well, then one thing after another is broken.
"""

import time
from pathlib import Path

import pika
import pymysql
import pytest
from api.caller import wait_until
from api.steps import uuid7
from monitoring_load import Load
from monitoring_prometheus import Server

from jobhopper_core.broker.names import EXCHANGE
from jobhopper_core.store.mysql import connection_options
from monitoring import alerts, dashboards
from monitoring.plot import Prometheus, draw_all
from stack.containers.container import Container
from stack.services import Services

pytestmark = pytest.mark.slow
# Rates look at a window; with a scrape a second this one is full after so long.
_WINDOW, _FULL = "10s", 20.0


@pytest.fixture(scope="module")
def prometheus(server: Server, load: Load) -> Prometheus:
    """Asks the server, once it has seen enough of the load."""
    wait_until(lambda: server.targets() == ["up"] * 6, 20)
    time.sleep(_FULL)
    return Prometheus(server.url, _WINDOW)


def test_every_panel_shows_something_under_load(prometheus: Prometheus) -> None:
    empty = {
        f"{dashboard.name}: {panel.title}"
        for dashboard in dashboards.ALL
        for panel in dashboard.panels()
        for query in panel.queries
        if not prometheus.during(query.expr, 10) and not panel.empty
    }
    assert empty == set()


def test_every_panel_can_be_drawn(prometheus: Prometheus, server: Server, tmp_path: Path) -> None:
    drawn = draw_all(server.url, tmp_path, 20, _WINDOW)
    assert [path.stat().st_size > 10_000 for path in drawn] == [True] * len(dashboards.ALL)


def test_every_alert_is_evaluated_and_none_fires_while_all_is_well(
    prometheus: Prometheus, server: Server
) -> None:
    for group in alerts.ALL:
        for alert in group.alerts:
            prometheus.now(alert.expr)
    assert server.broken_rules() == []
    assert server.firing() == {}
    assert len(prometheus.now("jobhopper_hopper_cover_seconds")) == 2


def test_a_job_that_nobody_claims(
    prometheus: Prometheus, server: Server, load: Load, mysql: Container
) -> None:
    load.api.post("/v1/jobs?wait=persisted", {"queue": "lonely", "type": "t"})
    ago = int((time.time() - 2 * 3600) * 1_000_000)
    change(mysql, "UPDATE jobs SET created_at = %s, run_at = %s WHERE queue = 'lonely'", ago, ago)
    server.await_firing("JobhopperQueueWithoutWorkers", "JobhopperQueueBehind")
    load.api.patch("/v1/queues/lonely", {"paused": True})
    wait_until(lambda: not any("Queue" in name for name in server.firing()), 30)


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
    load.api.post("/v1/jobs?wait=persisted", {"queue": "centuries", "type": "t"})
    # An id of the last millisecond that there is: no month has been made for it.
    change(mysql, "UPDATE jobs SET id = %s WHERE queue = 'centuries'", b"\xff" * 16)
    server.await_firing("JobhopperLastPartitionUsed")
    change(mysql, "DELETE FROM jobs WHERE queue = 'centuries'")


def test_dead_letters(prometheus: Prometheus, server: Server, rabbitmq: Container) -> None:
    bury(rabbitmq, 1)
    server.await_firing("JobhopperDeadLetters")
    bury(rabbitmq, 12)
    server.await_firing("JobhopperShardHalted")


@pytest.mark.parametrize(
    ("store", "fired"),
    [
        ("valkey", ("JobhopperRedisDown",)),
        ("rabbitmq", ("JobhopperRabbitMQDown", "JobhopperNotReady")),
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
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
    channel = connection.channel()
    for _ in range(number):
        body = '{"v":1,"id":"%s","at":1,"writes":[{"op":"create","id":"nonsense"}]}'
        name = uuid7(time.time())
        properties = pika.BasicProperties(message_id=name, delivery_mode=2, type="writes")
        channel.basic_publish(EXCHANGE, "jobhopper.creates.0", (body % name).encode(), properties)
    connection.close()
