"""How the services start: settings, schema, and stores that are not there yet."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest
from api.caller import wait_until
from conftest import Launch

from jobhopper_core.store.mysql import connection_options
from jobhopper_core.store.schema import SCHEMA
from stack.ports import free_port
from stack.process import Process
from stack.services import Stores

_BIN = Path(sys.executable).parent
_KEYS = {
    "JOBHOPPER_ADMIN_KEY": "jh_admin0_correct-horse-battery-staple",
    "JOBHOPPER_LEASE_KEYS": "k1:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
}
_ALL = ("api", "refiller", "migrate")
_NOWHERE = "mysql://root:geheim@127.0.0.1:1/x"


def settings_of(command: str, mysql: str = _NOWHERE) -> dict[str, str]:
    common = {"JOBHOPPER_MYSQL_URL": mysql, "JOBHOPPER_LOG_LEVEL": "warning"}
    if command == "migrate":
        return common
    common["JOBHOPPER_METRICS_LISTEN"] = f"127.0.0.1:{free_port()}"
    if command == "consumer":
        return common | {"JOBHOPPER_RABBITMQ_URL": "amqp://127.0.0.1:1/", "JOBHOPPER_REPLICA": "0"}
    listen = {"JOBHOPPER_LISTEN": f"127.0.0.1:{free_port()}"}
    return common | (_KEYS | listen if command == "api" else {})


def run(command: str, settings: dict[str, str], seconds: float = 30) -> tuple[int, str]:
    done = subprocess.run(
        [_BIN / f"jobhopper-{command}"],
        env=settings,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


WRONG = [
    *((c, "MYSQL_URL", "", "is missing") for c in ("api", "refiller", "migrate")),
    *((c, "MYSQL_URL", "x://y", "must read mysql://") for c in ("api", "refiller", "migrate")),
    *((c, "MYSQL_URL", f"{_NOWHERE}?ssl_ca=/nowhere", "/nowhere as the authority") for c in _ALL),
    *((c, "MYSQL_URL", f"{_NOWHERE}?ssl_ca={__file__}", "no certificate in PEM") for c in _ALL),
    *((c, "REDIS_URL", f"rediss://h/0?ssl_ca_certs={__file__}", "no cert") for c in _ALL[:2]),
    *((c, "RABBITMQ_URL", "x://y", "must read amqp://") for c in ("api", "refiller")),
    *((c, "REDIS_URL", "x://y", "must read redis://") for c in ("api", "refiller")),
    *((c, "REDIS_URL", "redis://h:x/0", "must read redis://") for c in ("api", "refiller")),
    *((c, "SHARDS", "x", "is wrong") for c in ("api", "refiller")),
    *((c, "SHARDS", "0", "is wrong") for c in ("api", "refiller")),
    *((c, "METRICS_LISTEN", "x", "must read host:port") for c in ("api", "refiller")),
    *((c, "LOG_LEVEL", "loud", "must be one of") for c in ("api", "refiller", "migrate")),
    ("api", "LISTEN", "x", "must read host:port"),
    ("api", "ADMIN_KEY", "", "is missing"),
    ("api", "ADMIN_KEY", "short", ""),
    ("api", "LEASE_KEYS", "", "is missing"),
    ("api", "LEASE_KEYS", "k1:!", ""),
    ("api", "ADMIN_KEY_FILE", "/nowhere", ""),
    ("refiller", "COLOUR", "red", "There is no setting"),
]


@pytest.mark.parametrize(("command", "name", "value", "said"), WRONG)
def test_what_is_wrong_is_one_clear_line(command: str, name: str, value: str, said: str) -> None:
    code, error = run(command, settings_of(command) | {f"JOBHOPPER_{name}": value})
    assert code == 2
    (line,) = error.splitlines()
    assert line.startswith(f"jobhopper-{command}: ")
    assert f"JOBHOPPER_{name}" in line
    assert said in line
    assert "geheim" not in line


@pytest.mark.parametrize("name", ["LISTEN", "METRICS_LISTEN"])
def test_a_port_that_is_taken_is_one_clear_line(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, error = run("api", settings_of("api") | {f"JOBHOPPER_{name}": address})
    assert code == 2
    (line,) = error.splitlines()
    assert line.startswith(f"jobhopper-api: Can't listen on {address}")
    assert line.endswith(f"set JOBHOPPER_{name}.")


@pytest.fixture
def empty_url(mysql_url: str) -> Iterator[str]:
    """A database without a table."""
    options = {**connection_options(mysql_url), "database": None}
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE start_up")
        yield urlunsplit(urlsplit(mysql_url)._replace(path="/start_up"))
        cursor.execute("DROP DATABASE start_up")


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    options = connection_options(url)
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def test_two_migrations_at_once_and_another_make_one_schema(empty_url: str) -> None:
    settings = settings_of("migrate", empty_url)
    both = [subprocess.Popen([_BIN / "jobhopper-migrate"], env=settings) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    made = execute(empty_url, "SELECT * FROM alembic_version")
    assert made == [(SCHEMA,)]
    tables = execute(empty_url, "SHOW TABLES")
    assert run("migrate", settings) == (0, "")
    assert execute(empty_url, "SHOW TABLES") == tables
    execute(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    for command in ("migrate", "api", "refiller", "consumer"):
        code, error = run(command, settings_of(command, empty_url))
        assert (code, len(error.splitlines())) == (2, 1), error
        assert "The database has schema 9999" in error


def reasons(process: Process) -> dict[str, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{process.probe}/readyz", timeout=2) as reply:
            body = reply.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    except OSError:
        return {"start": "not listening"}
    found: dict[str, str] = json.loads(body)["reasons"]
    return found


@pytest.mark.parametrize("command", ["api", "refiller"])
def test_a_schema_and_a_store_are_waited_for(command: str, empty_url: str, tmp_path: Path) -> None:
    for url, reason in ((_NOWHERE, "Can't connect"), (empty_url, "run jobhopper-migrate")):
        settings = settings_of(command, url)
        probe = int(settings["JOBHOPPER_METRICS_LISTEN"].rpartition(":")[2])
        process = Process(f"jobhopper-{command}", settings, tmp_path / "log", probe)
        process.start()
        wait_until(lambda p=process, r=reason: r in reasons(p).get("mysql", ""))
        time.sleep(1.2)
        assert process.alive
        assert "Traceback" not in process.tail()
        assert "geheim" not in process.tail()
        if url == empty_url:
            assert run("migrate", settings_of("migrate", url)) == (0, "")
            wait_until(lambda p=process: reasons(p) == {})
        assert process.stop() == 0


@pytest.mark.timed
def test_an_api_that_is_told_to_end_while_it_starts_ends(
    launch: Launch, stores: Stores, tmp_path: Path
) -> None:
    """Between its waiting for the database and its serving, which takes long without one."""
    # Leaves behind in Redis what an API begins with that does not reach MySQL.
    launch()
    for number in range(3):
        more = {"JOBHOPPER_RABBITMQ_URL": stores.rabbitmq, "JOBHOPPER_REDIS_URL": stores.redis}
        settings = settings_of("api") | more
        process = Process("jobhopper-api", settings, tmp_path / f"log-{number}", 0)
        process.start()
        wait_until(lambda p=process: "waiting" in p.tail())
        assert process.stop() == 0, process.tail()


def test_a_migration_that_waits_for_its_database_ends_when_told_to(tmp_path: Path) -> None:
    process = Process("jobhopper-migrate", settings_of("migrate"), tmp_path / "log", 0)
    process.start()
    wait_until(lambda: "waiting" in process.tail())
    assert process.stop() == 2
    last = process.tail().splitlines()[-1]
    assert last == "jobhopper-migrate: Told to end before the database answered."
