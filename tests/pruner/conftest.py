"""A real MySQL with aged jobs, and the pruner as a process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from store.audit import audit
from store.servers import emptied

from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.server_database import ServerDatabase

from .table import Table

PRUNER = Path(sys.executable).parent / "jobhopper-pruner"


class Pruner:
    """Runs `jobhopper-pruner` on a database."""

    def __init__(self, url: str, redis: str = "") -> None:
        own = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOPPER_")}
        self._settings = {**own, "JOBHOPPER_MYSQL_URL": url, "JOBHOPPER_REDIS_URL": redis}

    def begin(self, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
        """Starts it; the caller waits for its end."""
        return subprocess.Popen(
            [PRUNER, *arguments],
            env=self._settings | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **settings: str) -> tuple[str, str]:
        """What it printed on both streams; its exit code has to be `code`."""
        with self.begin(*arguments, **settings) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == code, err
        return out, err


@pytest.fixture
def url(mysql_url: str) -> str:
    return emptied(mysql_url, 77)


@pytest.fixture
def database(url: str) -> Iterator[ServerDatabase]:
    """Held against `audit` when the test is over."""
    made = open_mysql(url, slot=0, threads=2)
    yield made
    audit(made)
    made.close()


@pytest.fixture
def table(database: ServerDatabase) -> Table:
    return Table(database)


@pytest.fixture
def pruner(url: str) -> Pruner:
    return Pruner(url)
