"""A consumer says at its start what is wrong, in one line; it waits for what may come; it ends."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pymysql
import pytest

from jobhopper_core.broker.names import Lane
from jobhopper_core.store.mysql import connection_options
from stack.ports import free_port
from stack.process import Process

from .ground import Ground, metrics, until

_COMMAND = Path(sys.executable).parent / "jobhopper-consumer"
NOWHERE = "mysql://u:secret-word@127.0.0.1:1/d"
GOOD = {
    "JOBHOPPER_MYSQL_URL": NOWHERE,
    "JOBHOPPER_RABBITMQ_URL": "amqp://u:secret-word@127.0.0.1:1/",
}


def refusal(**settings: str | None) -> str:
    """The one line with which it refuses to start; `None` leaves a setting out."""
    changed = {f"JOBHOPPER_{name}": value for name, value in settings.items()}
    listen = {"JOBHOPPER_METRICS_LISTEN": f"127.0.0.1:{free_port()}"}
    given = {k: v for k, v in {**GOOD, **listen, **changed}.items() if v is not None}
    done = subprocess.run(
        [_COMMAND], env=given, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    # What it logged before is JSON; the reason is the one line that is not.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr
    return lines[0]


WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "no MySQL": ({"MYSQL_URL": None}, "JOBHOPPER_MYSQL_URL is missing"),
    "no RabbitMQ": ({"RABBITMQ_URL": ""}, "JOBHOPPER_RABBITMQ_URL is missing"),
    "a MySQL URL of another kind": ({"MYSQL_URL": "postgres://x/y"}, "JOBHOPPER_MYSQL_URL must"),
    "an authority that is not there": (
        {"MYSQL_URL": f"{NOWHERE}?ssl_ca=/nowhere"},
        "JOBHOPPER_MYSQL_URL names /nowhere as the authority",
    ),
    "an authority for RabbitMQ that is not there": (
        {"RABBITMQ_URL": "amqps://127.0.0.1:1/?ssl_options=%7B%27ca_certs%27%3A%27/nowhere%27%7D"},
        "JOBHOPPER_RABBITMQ_URL: a file that its ssl_options name",
    ),
    "a RabbitMQ URL of another kind": (
        {"RABBITMQ_URL": "amqp://x:y@h:port/"},
        "JOBHOPPER_RABBITMQ_URL must",
    ),
    "a Redis URL of another kind": ({"REDIS_URL": "http://x"}, "JOBHOPPER_REDIS_URL must"),
    "shards that are no number": ({"SHARDS": "many"}, "JOBHOPPER_SHARDS is wrong"),
    "no shards": ({"SHARDS": "0"}, "JOBHOPPER_SHARDS is wrong"),
    "a replica without a number": ({"REPLICA": "pod"}, "JOBHOPPER_REPLICA is 'pod'"),
    "a level that is none": ({"LOG_LEVEL": "loud"}, "JOBHOPPER_LOG_LEVEL is 'loud'"),
    "a port that is none": ({"METRICS_LISTEN": "x"}, "JOBHOPPER_METRICS_LISTEN is 'x'"),
    "a setting that is none": ({"SHARD": "4"}, "There is no setting JOBHOPPER_SHARD"),
    "a secret's file that is not there": (
        {"MYSQL_URL": None, "MYSQL_URL_FILE": "/no/such/file"},
        "JOBHOPPER_MYSQL_URL_FILE: can't read",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_in_one_line_that_names_it(what: str) -> None:
    settings, told = WRONG[what]
    assert told in refusal(**settings)


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(METRICS_LISTEN=f"127.0.0.1:{port}")
    assert f"Can't listen on 127.0.0.1:{port}" in line


def asked(process: Process, path: str) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(f"http://127.0.0.1:{process.probe}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def waits_for(process: Process, what: str, why: str) -> None:
    def says() -> bool:
        try:
            status, body = asked(process, "/readyz")
        except OSError:
            return False
        return status == 503 and why in body["reasons"].get(what, "")

    until(says, 15)
    assert asked(process, "/livez") == (200, {"live": True, "stale": []})


def test_it_waits_for_mysql_and_says_so(ground: Ground) -> None:
    process = ground.new_consumer(MYSQL_URL=NOWHERE)
    process.start()
    waits_for(process, "mysql", "can't serve now")
    assert "secret-word" not in process.tail()
    assert process.stop() == 0


@pytest.mark.slow
def test_it_waits_for_rabbitmq_and_says_so(ground: Ground) -> None:
    process = ground.new_consumer(rabbitmq="amqp://u:secret-word@127.0.0.1:1/")
    process.start()
    waits_for(process, "rabbitmq", "RabbitMQ can't be reached")
    assert "secret-word" not in process.tail()
    assert process.stop() == 0


def version(ground: Ground, number: str) -> None:
    options = connection_options(ground.url)
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = %s", (number,))


@pytest.mark.slow
def test_it_waits_for_an_old_schema_and_refuses_a_new_one(ground: Ground) -> None:
    try:
        version(ground, "0000")
        process = ground.new_consumer()
        process.start()
        waits_for(process, "mysql", "run jobhopper-migrate")
        version(ground, "0001")
        process.await_ready(10)
        assert process.stop() == 0
        version(ground, "9999")
        line = refusal(MYSQL_URL=ground.url, RABBITMQ_URL=ground.rabbitmq.url)
        assert "9999" in line
    finally:
        version(ground, "0001")


@pytest.mark.slow
def test_another_number_of_shards_is_refused(ground: Ground) -> None:
    assert ground.consumer().stop() == 0
    line = refusal(MYSQL_URL=ground.url, RABBITMQ_URL=ground.rabbitmq.url, SHARDS="8")
    assert "JOBHOPPER_SHARDS is 8" in line
    assert "set up with 4" in line


def test_probes_metrics_and_logs_are_as_promised(ground: Ground) -> None:
    process = ground.consumer()
    ground.broker.send(ground.new(3, payload='"a-secret-payload"'))
    ground.broker.publish(Lane.CREATES, 0, b'{"v":1,"writes":"a-secret-payload"}')
    ground.broker.tick(ground.clock())
    until(lambda: ground.jobs() == 3)
    ground.broker.dead_letters(1)
    name = 'jobhopper_consumer_lag_seconds{lane="updates",shard="0"}'
    until(lambda: name in metrics(process))
    found = metrics(process)
    assert found['jobhopper_writes_applied_total{lane="creates"}'] == 3
    assert found['jobhopper_apply_duration_seconds_count{lane="updates"}'] >= 1
    assert 0 <= found[name] < 10
    assert asked(process, "/livez") == (200, {"live": True, "stale": []})
    assert asked(process, "/readyz") == (200, {"ready": True, "reasons": {}})
    assert process.stop() == 0
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert [line["event"] for line in lines][-2:] == ["stopping", "stopped"]
    assert "a-secret-payload" not in process.log.read_text()


@pytest.mark.slow
def test_sigterm_under_load_ends_well_within_seconds_and_loses_nothing(ground: Ground) -> None:
    first = ground.consumer()
    sent = 0
    stop = threading.Event()

    def load() -> None:
        nonlocal sent
        while not stop.is_set():
            ground.broker.send(ground.new(20, sent % 4))
            sent += 1

    thread = threading.Thread(target=load)
    thread.start()
    until(lambda: sent > 20)
    began = time.monotonic()
    first.send(signal.SIGTERM)
    assert first.stop() == 0
    assert time.monotonic() - began < 5
    stop.set()
    thread.join()
    second = ground.consumer()
    until(lambda: ground.jobs() == 20 * sent)
    assert second.stop() == 0
    assert ground.broker.left(Lane.CREATES) == []
    ground.audit()
