"""The owner of a loop, and the months that are made while others hold a table."""

import threading
import time

import pymysql
import pytest
from store.servers import emptied

from jobhopper_core.errors import UnavailableError
from jobhopper_core.flows import loop as loops
from jobhopper_core.flows.loop import Loop
from jobhopper_core.store import partition_ahead, partitions
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.mysql import connection_options
from jobhopper_core.store.server_database import ServerDatabase
from jobhopper_core.telemetry import probes
from jobhopper_core.telemetry.probes import Pulse

pytestmark = pytest.mark.timed


def test_a_loop_lives_while_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_BEAT_SECONDS", 0.05)
    monkeypatch.setattr(probes, "LIVE_SECONDS", 0.3)
    pulse, turned = Pulse(), threading.Event()
    loop = Loop("hourly", lambda: bool(turned.set()), 3_600, pulse)
    loop.start()
    assert turned.wait(5)
    time.sleep(0.8)
    assert pulse.stale() == []
    began = time.monotonic()
    loop.stop()
    assert time.monotonic() - began < 1


def test_a_turn_that_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_BEAT_SECONDS", 0.05)
    monkeypatch.setattr(probes, "LIVE_SECONDS", 0.3)
    pulse, ending = Pulse(), threading.Event()
    loop = Loop("hangs", lambda: not ending.wait(5), 0, pulse)
    loop.start()
    time.sleep(0.6)
    assert pulse.stale() == ["hangs"]
    ending.set()
    loop.stop()


def test_months_are_made_once_and_give_way_to_who_holds_the_table(mysql_url: str) -> None:
    url = emptied(mysql_url, 78)
    database = open_mysql(url, slot=0, threads=2)
    options = connection_options(url)
    months = database.read(lambda tx: partition_ahead.names(tx, "jobs")).result()
    assert len(months) == partitions.AHEAD + 2
    assert missing(database) == []
    with pymysql.connect(**options) as reader, pymysql.connect(**options) as owner:
        with owner.cursor() as cursor:
            cursor.execute(f"ALTER TABLE jobs DROP PARTITION {months[-2]}, {months[-3]}")
        lacking = missing(database)
        assert [partitions.name(month) for month in lacking] == months[-3:-1]
        with reader.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM jobs")
            began = time.monotonic()
            with pytest.raises(UnavailableError, match="Others hold jobs"):
                database.write(lambda tx: partition_ahead.split(tx, "jobs", lacking)).result()
            # One wait of 2 s: everybody else has queued behind it no longer.
            assert time.monotonic() - began < 3.5
        reader.rollback()
        database.write(lambda tx: partition_ahead.split(tx, "jobs", lacking)).result()
    assert database.read(lambda tx: partition_ahead.names(tx, "jobs")).result() == months
    assert missing(database) == []
    assert not database.read(partition_ahead.rows_in_last).result()
    database.close()


def missing(database: ServerDatabase) -> list[tuple[int, int]]:
    return database.read(lambda tx: partition_ahead.missing(tx, "jobs")).result()
