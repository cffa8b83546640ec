"""MySQL that takes no more connections: what needs it is refused soon, and comes back by itself."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pymysql
import pytest
from api.caller import Api, wait_until

from jobhopper_core.store.mysql import connection_options
from stack.containers.container import Container
from stack.emptying import empty
from stack.services import Services, Stores

from .memory import Memory
from .steps import (
    SOON,
    await_hopper,
    claim,
    create,
    created,
    down,
    is_well,
    phase,
    said,
    soon,
    succeed,
    work_off,
)

# One who may do less than root: for root MySQL keeps a connection free.
_USER = "pressed"
_SPARE = 20


@pytest.fixture(scope="module")
def root(mysql: Container) -> Iterator[Any]:
    with pymysql.connect(**connection_options(mysql.url), autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE USER '{_USER}' IDENTIFIED BY 'test'")
        cursor.execute(f"GRANT ALL ON jobhopper.* TO '{_USER}'")
        yield cursor
        cursor.execute(f"DROP USER '{_USER}'")


@pytest.fixture(scope="module")
def services(stores: Stores, root: Any) -> Iterator[Services]:
    empty(stores)
    url = stores.mysql.replace("mysql://root:", f"mysql://{_USER}:")
    with Services(stores._replace(mysql=url)) as running:
        yield running


@contextmanager
def crowded(root: Any, url: str) -> Iterator[None]:
    """Inside the block others hold every connection there is."""
    root.execute("SHOW STATUS LIKE 'Threads_connected'")
    most = int(root.fetchone()[1]) + _SPARE
    root.execute("SELECT @@max_connections")
    (before,) = root.fetchone()
    root.execute(f"SET GLOBAL max_connections = {most}")
    with ExitStack() as stack:
        stack.callback(root.execute, f"SET GLOBAL max_connections = {before}")
        own = set(_hold_all(stack, url, most))
        # Those of the services end, as by a restart of a proxy, and others are quicker.
        until = time.monotonic() + 10
        while (theirs := _sessions(root) - own) and time.monotonic() < until:
            for one in theirs:
                # It may have ended by itself meanwhile.
                with suppress(pymysql.err.OperationalError):
                    root.execute(f"KILL {one}")
            own |= set(_hold_all(stack, url, most))
        assert theirs == set()
        yield


def _hold_all(stack: ExitStack, url: str, most: int) -> Iterator[int]:
    options = connection_options(url) | {"user": _USER}
    for _ in range(most):
        try:
            one = pymysql.connect(**options)
        except pymysql.err.OperationalError as error:
            if error.args[0] != pymysql.constants.ER.CON_COUNT_ERROR:
                raise
            return
        stack.callback(one.close)
        yield one.thread_id()  # type: ignore[no-untyped-call]


def _sessions(root: Any) -> set[int]:
    root.execute(f"SELECT id FROM information_schema.processlist WHERE user = '{_USER}'")
    return {row[0] for row in root.fetchall()}


def test_what_needs_it_is_refused_soon_and_all_else_goes_on(
    api: Api, services: Services, root: Any, mysql: Container, memory: Memory
) -> None:
    ids = created(create(api, "crowded", 30))
    await_hopper(services.stores, "crowded", 30)
    (before,) = claim(api, "crowded").json["jobs"]
    with crowded(root, mysql.url):
        wait_until(lambda: down(api) == {"mysql"}, 4)
        assert said(soon(api, "GET", "/v1/jobs")) == (503, "unavailable")
        assert said(soon(api, "PATCH", f"/v1/jobs/{ids[5]}", {"priority": 1}))[0] == 503
        for _ in range(20):
            reply = create(api, "crowded")
            assert said(reply) == (202, "rabbitmq")
            ids += created(reply)
        assert said(succeed(api, before)) == (202, "rabbitmq")
        # Whoever claims is refused until all have said that they don't reach it, then served.
        wait_until(lambda: phase(api) == "down", 8)
        jobs = claim(api, "crowded", 10).json["jobs"]
        assert [job["id"] for job in jobs] == ids[1:11]
        assert all(job["provisional"] for job in jobs)
        for job in jobs:
            assert said(succeed(api, job)) == (202, "rabbitmq")
        memory.check(30, "MySQL takes no connection")
    began = time.monotonic()
    wait_until(lambda: is_well(api), 10)
    assert time.monotonic() - began < 5 + SOON
    work_off(api, "crowded", set(ids) - {before["id"]} - {job["id"] for job in jobs})
    wait_until(lambda: api.get("/v1/queues/crowded").json["depth"]["succeeded"] == len(ids))
    assert _sessions(root)
