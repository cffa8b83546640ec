"""A connection that is lost in a transaction: the server goes on holding its locks, we don't wait.

Between us and the server is a wire that, as a cut cable does, never tells it that we are gone.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest

from jobhopper_core.errors import UnavailableError
from jobhopper_core.store import mysql
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.mysql import connect, connection_options
from jobhopper_core.store.probe import Probe
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.store.transaction import Transaction

from .servers import emptied

pytestmark = pytest.mark.stores
_LOCK = "SELECT tick FROM shards WHERE lane = 'updates' AND shard = 0 FOR UPDATE"


class Cable:
    """Passes on what comes; when it is cut, our ends close and the server's stay open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 0))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.stays_cut = False
        self._near: list[socket.socket] = []
        self._far: list[socket.socket] = []
        user = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(
            parts._replace(netloc=f"{user}@127.0.0.1:{self._door.getsockname()[1]}")
        )
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cuts every connection there is; new ones can be made."""
        for one in self._near:
            _end(one)

    def close(self) -> None:
        for one in [self._door, *self._near, *self._far]:
            _end(one)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                if self.stays_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._near.append(near)
                self._far.append(far)
                threading.Thread(target=_pass_on, args=(near, far), daemon=True).start()
                threading.Thread(target=_bring, args=(far, near), daemon=True).start()


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while piece := here.recv(65_536):
            there.sendall(piece)


def _bring(far: socket.socket, near: socket.socket) -> None:
    _pass_on(far, near)
    # Of the server's end we are told.
    _end(near)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def url(mysql_url: str) -> str:
    """Of root, who sees all."""
    made = emptied(mysql_url, 80)
    with pymysql.connect(**connection_options(made), autocommit=True) as connection:
        connection.cursor().execute("INSERT INTO shards (lane, shard) VALUES ('updates', 0)")
    return made


@pytest.fixture
def plain_url(url: str) -> str:
    """Of an account that has nothing but its database."""
    parts = urlsplit(url)
    name, host = parts.path.strip("/"), parts.netloc.rpartition("@")[2]
    with pymysql.connect(**connection_options(url)) as root, root.cursor() as cursor:
        cursor.execute(f"CREATE USER IF NOT EXISTS {name} IDENTIFIED BY 'plain'")
        cursor.execute(f"GRANT ALL ON {name}.* TO {name}")
    return urlunsplit(parts._replace(netloc=f"{name}:plain@{host}"))


@pytest.fixture
def cable(plain_url: str) -> Iterator[Cable]:
    laid = Cable(plain_url)
    yield laid
    laid.close()


@pytest.fixture
def database(cable: Cable) -> Iterator[ServerDatabase]:
    opened = open_mysql(cable.url, slot=0, threads=2)
    yield opened
    opened.close()


def test_the_locks_of_a_lost_connection_are_not_waited_for(
    url: str, cable: Cable, database: ServerDatabase
) -> None:
    sessions: list[int] = []

    def lock(tx: Transaction) -> int:
        tx.read(_LOCK)
        sessions.append(ask(tx)[0])
        if len(sessions) == 1:
            cable.cut()
        tx.read("SELECT 1")
        return sessions[-1]

    began = time.monotonic()
    kept = database.write(lock).result()
    # Else it would wait for the lock as long as a transaction may, and again.
    assert time.monotonic() - began < 2
    assert kept != sessions[0]
    assert not lives(url, sessions[0])
    assert lives(url, kept)


def test_the_probe_ends_them_where_nobody_else_connects(
    url: str, plain_url: str, cable: Cable, database: ServerDatabase
) -> None:
    """In an outage an API asks for nothing else."""
    sessions: list[int] = []

    def lock(tx: Transaction) -> None:
        tx.read(_LOCK)
        sessions.append(ask(tx)[0])
        cable.stays_cut = True
        cable.cut()
        tx.read("SELECT 1")

    with pytest.raises(UnavailableError):
        database.write(lock).result()
    assert lives(url, sessions[0])
    probe = Probe(plain_url, database.lost)
    probe.ask()
    assert not lives(url, sessions[0])
    probe.close()


def test_a_session_that_ended_by_itself_is_nobody_else_s(
    url: str, database: ServerDatabase
) -> None:
    first = database.read(ask).result()[0]
    with pymysql.connect(**connection_options(url)) as other, other.cursor() as cursor:
        cursor.execute(f"KILL {first}")
        assert database.read(ask).result()[0] != first
        cursor.execute("SELECT 1")


def test_what_still_works_is_left_to_its_end(
    url: str, cable: Cable, database: ServerDatabase
) -> None:
    """A COMMIT on a full disk above all: broken off, it may end the server."""
    sessions: list[int] = []

    def work(tx: Transaction) -> None:
        sessions.append(ask(tx)[0])
        if len(sessions) == 1:
            threading.Timer(0.3, cable.cut).start()
            tx.read("SELECT SLEEP(3)")

    database.write(work).result()
    assert len(sessions) == 2
    assert lives(url, sessions[0])


def test_what_has_rested_is_replaced_before_the_server_ends_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql, "_REST_SECONDS", 0.2)
    database = open_mysql(url, slot=0, threads=1)
    first = database.read(ask).result()
    assert database.read(ask).result() == first
    assert first[1] == 30
    time.sleep(0.3)
    second = database.read(ask).result()
    assert second[0] != first[0]
    assert not lives(url, first[0])
    database.close()


def test_with_little_to_do_the_same_connection_is_used(database: ServerDatabase) -> None:
    def both() -> set[int]:
        return {one.result()[0] for one in [database.read(ask_slowly), database.read(ask_slowly)]}

    assert len(both()) == 2
    assert len({database.read(ask).result()[0] for _ in range(5)}) == 1


def test_a_session_is_as_the_statements_need_it(database: ServerDatabase) -> None:
    asked = "SELECT @@autocommit, @@transaction_isolation, @@time_zone, @@innodb_lock_wait_timeout"
    found = database.read(lambda tx: tx.read(asked)).result()
    assert tuple(found[0]) == (0, "READ-COMMITTED", "+00:00", 5)


@pytest.mark.parametrize(("seconds", "wait"), [(30.0, 5), (3.0, 2), (0.5, 1)])
def test_a_lock_is_waited_for_no_longer_than_for_an_answer(
    mysql_url: str, seconds: float, wait: int
) -> None:
    made = connect(connection_options(mysql_url), seconds=seconds)
    with closing(made) as session, session.cursor() as cursor:
        cursor.execute("SELECT @@innodb_lock_wait_timeout")
        assert cursor.fetchone() == (wait,)


def ask(tx: Transaction) -> tuple[int, int]:
    """The session, and after how many seconds of silence the server ends it."""
    session, seconds = tx.read("SELECT CONNECTION_ID(), @@session.wait_timeout")[0]
    return session, seconds


def ask_slowly(tx: Transaction) -> tuple[int, int]:
    tx.read("SELECT SLEEP(0.2)")
    return ask(tx)


def lives(url: str, session: int) -> bool:
    """Whether the server has the session, a moment later at the latest."""
    with pymysql.connect(**connection_options(url)) as other, other.cursor() as cursor:
        for _ in range(20):
            found = cursor.execute(
                "SELECT 1 FROM information_schema.processlist"
                " WHERE id = %s AND command <> 'Killed'",
                (session,),
            )
            if not found:
                return False
            time.sleep(0.02)
    return True
