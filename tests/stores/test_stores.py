"""What the other tests count on: the stores serve as promised, and outlive what is done to them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pika
import pymysql
import pytest
import redis

from jobhopper_core.store.mysql import connection_options
from stack.containers.container import Container
from stack.containers.docker import docker
from stack.containers.kinds import VALKEY
from stack.containers.owner import is_alive, this_process

from .fixtures import MakeStore

SQL_SETTINGS = {
    "transaction_isolation": "READ-COMMITTED",
    "log_bin": 1,
    "binlog_row_image": "MINIMAL",
    "max_allowed_packet": 64 << 20,
}


def _connect(url: str) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(**connection_options(url), autocommit=True)


def _ask(url: str, statement: str) -> object:
    with _connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        return row[0] if row else None


def _declare(url: str, queue: str) -> pika.BlockingConnection:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    # RabbitMQ forces the name of a new quorum queue to the disk only every half second: killed
    # before that, it forgets the queue with all that it had confirmed (seen on 4.3.6).
    time.sleep(1.5)
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"kept", pika.BasicProperties(delivery_mode=2), mandatory=True)
    return connection


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_sql_settings_hold(kind: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    assert {name: _ask(url, f"SELECT @@{name}") for name in SQL_SETTINGS} == SQL_SETTINGS


def test_valkey_settings_hold(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        held = client.config_get("maxmemory-policy", "appendonly", "save", "protected-mode")
    assert held == {
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "save": "",
        "protected-mode": "no",
    }


@pytest.mark.slow
def test_rabbitmq_settings_hold(rabbitmq: Container) -> None:
    told = rabbitmq.execute("rabbitmqctl", "--quiet", "environment")
    assert "{heartbeat,15}" in told
    assert '{disk_free_limit,"1GB"}' in told


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_committed_row_outlives_kill(kind: str, request: pytest.FixtureRequest) -> None:
    store: Container = request.getfixturevalue(kind)
    _ask(store.url, "CREATE TABLE kept (n INT PRIMARY KEY)")
    _ask(store.url, "INSERT INTO kept VALUES (7)")
    with store.killed():
        assert not store.serves()
    assert _ask(store.url, "SELECT n FROM kept") == 7
    _ask(store.url, "DROP TABLE kept")


@pytest.mark.slow
def test_confirmed_message_outlives_kill(rabbitmq: Container) -> None:
    connection = _declare(rabbitmq.url, "kept")
    with rabbitmq.killed():
        assert not rabbitmq.serves()
    with pytest.raises(pika.exceptions.AMQPError):
        connection.process_data_events(time_limit=10)
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as again:
        channel = again.channel()
        _, _, body = channel.basic_get("kept", auto_ack=True)
        channel.queue_delete("kept")
    assert body == b"kept"


def test_valkey_keeps_what_it_wrote_over_a_stop(valkey: Container) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "7")
        valkey.stop()
        valkey.start()
        assert client.get("kept") == b"7"
        client.delete("kept")


def test_paused_store_holds_connections_and_answers_nothing(valkey: Container) -> None:
    with redis.Redis.from_url(valkey.url, socket_timeout=0.3, retry=None) as client:
        client.ping()
        with valkey.paused(), pytest.raises(redis.exceptions.TimeoutError):
            client.ping()
        assert client.ping()


def test_port_stays_over_kill(valkey: Container) -> None:
    before = valkey.url
    with valkey.killed():
        pass
    assert valkey.url == before
    assert valkey.serves()


def test_store_that_ends_is_told_with_its_log(make_store: MakeStore) -> None:
    broken = make_store(VALKEY, "--no-such-option", "1")
    with pytest.raises(RuntimeError, match="no-such-option"):
        broken.start()


def test_owner_is_more_than_a_number() -> None:
    assert is_alive(this_process())
    assert not is_alive(f"{os.getpid()}-0.00")
    assert not is_alive("nobody")


@pytest.mark.slow
def test_containers_of_an_ended_run_are_removed() -> None:
    here = Path(__file__).resolve().parents[2]
    made = subprocess.run(
        [sys.executable, "-c", _LEAVES_ONE], cwd=here, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert made in _containers()
    subprocess.run(
        [sys.executable, "-c", "from stack.containers.docker import prepare; prepare()"],
        cwd=here,
        check=True,
    )
    assert made not in _containers()


_LEAVES_ONE = """
from stack.containers.container import Container
from stack.containers.kinds import VALKEY
left = Container(VALKEY)
left.start()
print(left.name)
"""


def _containers() -> list[str]:
    return docker("ps", "--all", "--format", "{{.Names}}").split()
