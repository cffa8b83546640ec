"""The pruner's probes and metrics while it runs."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pymysql
import pytest
from api.caller import wait_until

from jobhopper_core.store.mysql import connection_options
from stack.ports import free_port

from .conftest import Pruner
from .table import Table

NOWHERE = "mysql://u:p@127.0.0.1:1/d"


class Probe:
    """A port for the pruner's probes, and what is served there."""

    def __init__(self) -> None:
        self.port = free_port()
        self.settings = {"JOBHOPPER_METRICS_LISTEN": f"127.0.0.1:{self.port}"}

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; 0 while nobody listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as reply:
                return reply.status, reply.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def reasons(self) -> dict[str, str]:
        """Why it is not ready."""
        found: dict[str, str] = json.loads(self.get("/readyz")[1] or "{}").get("reasons", {})
        return found

    def value(self, metric: str) -> float | None:
        """A metric without labels."""
        found = re.search(rf"^{metric} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else None


@contextmanager
def schema_of(url: str, version: str) -> Iterator[None]:
    """Inside, the database says that it has this schema."""
    options = connection_options(url)
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        before = cursor.fetchall()
        cursor.execute("UPDATE alembic_version SET version_num = %s", (version,))
        try:
            yield
        finally:
            cursor.execute("UPDATE alembic_version SET version_num = %s", before[0])


@pytest.fixture
def probe() -> Probe:
    return Probe()


def test_how_far_it_has_come_is_told_on_the_way(
    url: str, table: Table, pruner: Pruner, probe: Probe
) -> None:
    table.add(3_000, status="succeeded")
    options = connection_options(url)
    with pymysql.connect(**options, autocommit=False) as holder, holder.cursor() as cursor:
        # It stands before this job, which is beyond the first chunk.
        cursor.execute("SELECT id FROM jobs ORDER BY id DESC LIMIT 1 FOR UPDATE")
        with pruner.begin("silence", **probe.settings) as process:
            wait_until(lambda: probe.value("jobhopper_silence_seen_jobs"))
            seen = probe.value("jobhopper_silence_seen_jobs")
            assert seen is not None
            assert 0 < seen < 3_000
            assert probe.value("jobhopper_silence_changed_jobs") == seen
            assert probe.value("jobhopper_ready") == 1
            assert probe.get("/readyz")[0] == probe.get("/livez")[0] == 200
            holder.rollback()
            _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error


@pytest.mark.parametrize("away", [True, False], ids=["no MySQL", "an older schema"])
def test_what_it_waits_for_is_told(
    url: str, table: Table, pruner: Pruner, probe: Probe, *, away: bool
) -> None:
    settings = dict(probe.settings)
    if away:
        settings["JOBHOPPER_MYSQL_URL"] = NOWHERE
    with schema_of(url, "0000" if not away else "0001"):
        with pruner.begin("silence", **settings) as process:
            wait_until(lambda: probe.reasons().get("mysql"))
            said = "Can't connect" if away else "run jobhopper-migrate"
            assert said in probe.reasons()["mysql"]
            assert probe.get("/readyz")[0] == 503
            assert probe.get("/livez")[0] == 200
            assert probe.value("jobhopper_ready") == 0
            process.terminate()
            _, error = process.communicate(timeout=20)
        assert process.returncode == 3
        assert error.splitlines()[-1].startswith("jobhopper-pruner: stopped")
    assert table.rows("SELECT 1 FROM prune_runs") == []


def test_a_newer_schema_is_one_clear_line(url: str, pruner: Pruner) -> None:
    with schema_of(url, "9999"):
        out, error = pruner.run("silence", code=2)
    assert out == ""
    (line,) = error.splitlines()
    assert line.startswith("jobhopper-pruner: The database has schema 9999")


def test_beside_a_service_of_the_same_environment_it_goes_on_without_probes(
    table: Table, pruner: Pruner, probe: Probe
) -> None:
    table.add(10, status="succeeded")
    with socket.create_server(("127.0.0.1", probe.port)):
        out, error = pruner.run("silence", **probe.settings)
    assert "10 silenced" in out
    assert '"event":"probes_not_served"' in error
    assert f"Can't listen on 127.0.0.1:{probe.port}" in error
