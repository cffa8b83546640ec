"""The images behave as the official ones do, whether they were pulled or made here."""

import gzip
from dataclasses import replace

import pymysql
import pytest
import redis

from stack.containers.container import Container
from stack.containers.docker import docker
from stack.containers.kinds import MARIADB, MYSQL, RABBITMQ, SECRET, VALKEY, Kind

from .fixtures import MakeStore

SQL = [pytest.param(MYSQL, "MYSQL", id="mysql"), pytest.param(MARIADB, "MARIADB", id="mariadb")]
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--user", "999:999", "--cap-drop", "ALL")  # noqa: S108
AWKWARD = 'it\'s a "pass\\word" %'


def _env(**values: str) -> tuple[str, ...]:
    return tuple(word for name, value in values.items() for word in ("--env", f"{name}={value}"))


def _ask(store: Container, statement: str, **who: str) -> list[tuple[object, ...]]:
    who = {"user": "root", "password": SECRET, **who}
    connection = pymysql.connect(host="127.0.0.1", port=store.port, **who)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _runs_as(store: Container) -> str:
    status = store.execute("cat", "/proc/1/status").splitlines()
    return next(line.split()[1] for line in status if line.startswith("Uid:"))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "prefix"), SQL)
def test_sql_first_start(kind: Kind, prefix: str, make_store: MakeStore) -> None:
    named = {f"{prefix}_DATABASE": "a_b", f"{prefix}_USER": "worker", f"{prefix}_PASSWORD": AWKWARD}
    from_file = {f"{prefix}_ROOT_PASSWORD": "", f"{prefix}_ROOT_PASSWORD_FILE": "/root.txt"}
    store = make_store(kind, options=_env(**named, **from_file))
    store.put("/root.txt", f"{AWKWARD}\n")
    folder = "/docker-entrypoint-initdb.d"
    store.put(f"{folder}/1.sql", "CREATE TABLE steps (n INT); INSERT INTO steps VALUES (1);")
    store.put(f"{folder}/2.sql.gz", gzip.compress(b"INSERT INTO steps VALUES (2);"))
    store.put(f"{folder}/3.sh", "touch /var/lib/mysql/ran-$(id -u)")
    store.start()
    assert _runs_as(store) == "999"
    assert "ran-999" in store.execute("ls", "/var/lib/mysql")
    granted = _ask(store, "SHOW GRANTS FOR worker", password=AWKWARD)
    # An underscore that is not escaped would grant `axb` too.
    assert any("`a\\_b`" in str(row[0]) for row in granted)
    store.stop()
    assert docker("inspect", "--format", "{{.State.ExitCode}}", store.name).strip() == "0"
    store.start()
    kept = _ask(store, "SELECT n FROM a_b.steps ORDER BY n", user="worker", password=AWKWARD)
    assert kept == [(1,), (2,)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "prefix"), SQL)
def test_sql_hardened(kind: Kind, prefix: str, make_store: MakeStore) -> None:
    """A read-only root, no capability, the user from outside, and root only from inside."""
    writable = ("--tmpfs", "/run/mysqld:mode=1777")
    names = {f"{prefix}_ROOT_PASSWORD": "", f"{prefix}_RANDOM_ROOT_PASSWORD": "yes"}
    names |= {f"{prefix}_ROOT_HOST": "localhost", f"{prefix}_USER": "u", f"{prefix}_PASSWORD": "p"}
    store = make_store(kind, options=(*HARDENED, *writable, *_env(**names)))
    store.start()
    assert _runs_as(store) == "999"
    assert _ask(store, "SELECT 1", user="u", password="p") == [(1,)]
    told = store.log(300).partition("GENERATED ROOT PASSWORD: ")[2].split()[0]
    with pytest.raises(pymysql.err.OperationalError):
        _ask(store, "SELECT 1", password=told)
    client = "mariadb" if kind is MARIADB else "mysql"
    assert "root@localhost" in store.execute(client, f"-p{told}", "-uroot", "-e", "SELECT USER()")


@pytest.mark.parametrize(("kind", "prefix"), SQL)
def test_sql_asks_for_a_password(kind: Kind, prefix: str, make_store: MakeStore) -> None:
    store = make_store(kind, options=_env(**{f"{prefix}_ROOT_PASSWORD": ""}))
    with pytest.raises(RuntimeError, match=f"{prefix}_ROOT_PASSWORD"):
        store.start()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "prefix"), SQL)
def test_sql_empty_password_where_allowed(kind: Kind, prefix: str, make_store: MakeStore) -> None:
    names = {f"{prefix}_ROOT_PASSWORD": "", f"{prefix}_ALLOW_EMPTY_PASSWORD": "yes"}
    store = make_store(kind, options=_env(**names))
    store.start()
    assert _ask(store, "SELECT 1", password="") == [(1,)]


@pytest.mark.slow
def test_mysql_brings_its_clients(mysql: Container) -> None:
    for client in ("mysql", "mysqladmin", "mysqldump"):
        assert mysql.execute(client, "--version")
    dumped = mysql.execute("mysqldump", "-uroot", f"-p{SECRET}", "--no-data", "mysql", "user")
    assert "CREATE TABLE `user`" in dumped


@pytest.mark.slow
def test_rabbitmq_takes_user_vhost_cookie_and_name(make_store: MakeStore) -> None:
    names = {
        "RABBITMQ_DEFAULT_VHOST": "jobs",
        "RABBITMQ_ERLANG_COOKIE": "chocolate-chip",
        "RABBITMQ_NODENAME": "rabbit@localhost",
    }
    store = make_store(RABBITMQ, options=_env(**names))
    store.start()
    assert "jobs" in store.execute("rabbitmqctl", "--quiet", "list_vhosts")
    assert "test" in store.execute("rabbitmqctl", "--quiet", "list_users")
    assert "rabbit@localhost" in store.execute("rabbitmqctl", "status")
    assert "chocolate-chip" in store.execute("rabbitmqctl", "eval", "erlang:get_cookie().")
    assert _runs_as(store) == "999"


@pytest.mark.slow
def test_rabbitmq_serves_management_and_metrics(rabbitmq: Container) -> None:
    listeners = rabbitmq.execute("rabbitmq-diagnostics", "--quiet", "listeners")
    assert all(f"port: {port}" in listeners for port in (5672, 15672, 15692))


@pytest.mark.slow
def test_rabbitmq_loads_definitions(make_store: MakeStore) -> None:
    store = make_store(RABBITMQ)
    store.put("/etc/rabbitmq/rabbitmq.conf", "load_definitions = /etc/rabbitmq/jobs.json\n")
    queue = '{"name": "jobs", "vhost": "/", "durable": true, "auto_delete": false,'
    queue += ' "arguments": {"x-queue-type": "quorum"}}'
    store.put("/etc/rabbitmq/jobs.json", '{"vhosts": [{"name": "/"}], "queues": [' + queue + "]}")
    store.start()
    assert "jobs" in store.execute("rabbitmqctl", "--quiet", "list_queues")


@pytest.mark.slow
def test_rabbitmq_hardened(make_store: MakeStore) -> None:
    store = make_store(RABBITMQ, options=HARDENED)
    store.start()
    assert _runs_as(store) == "999"


def test_rabbitmq_refuses_what_the_official_image_refuses(make_store: MakeStore) -> None:
    store = make_store(RABBITMQ, options=_env(RABBITMQ_DEFAULT_PASS_FILE="/secret"))
    with pytest.raises(RuntimeError, match="RABBITMQ_DEFAULT_PASS_FILE"):
        store.start()


def test_valkey_takes_options(make_store: MakeStore) -> None:
    store = make_store(replace(VALKEY, command=()), "--maxmemory", "99mb")
    store.start()
    assert _runs_as(store) == "999"
    with redis.Redis.from_url(store.url, decode_responses=True) as client:
        held = client.config_get("maxmemory", "protected-mode", "save", "dir")
    assert held == {
        "maxmemory": str(99 << 20),
        "protected-mode": "no",
        "save": "3600 1 300 100 60 10000",
        "dir": "/data",
    }


def test_valkey_hardened(make_store: MakeStore) -> None:
    store = make_store(VALKEY, options=(*HARDENED, "--tmpfs", "/data:mode=1777"))
    store.start()
    assert _runs_as(store) == "999"
    assert store.execute("valkey-cli", "ping").strip() == "PONG"
