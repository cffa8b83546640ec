"""A process that is killed with -9 loses nothing that it acknowledged, and half-applies nothing."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobhopper_core.model.writes import Outcome, Succeed
from jobhopper_core.store.database import Database, open_sqlite
from jobhopper_migrator import migrate

from .audit import audit
from .steps import PATIENCE, Clock, Store


@pytest.fixture
def kind() -> str:
    """SQLite alone."""
    return "sqlite"


CHILD = Path(__file__).with_name("kill_child.py")


def killed(path: Path, name: str, seconds: float) -> list[dict[str, Any]]:
    """What a child acknowledged that was killed `seconds` after it began to open the file."""
    with subprocess.Popen([sys.executable, CHILD, path, name], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline()) == {"opening": True}
        time.sleep(seconds)
        assert child.poll() is None
        child.kill()
        lines = child.stdout.read().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]  # the last may be torn


def read(database: Database, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.read(lambda tx: tx.read(sql)).result(PATIENCE)]


class Ledger:
    """Everything that was acknowledged, over all rounds."""

    def __init__(self) -> None:
        self.created: set[str] = set()
        self.together: list[tuple[str, str]] = []
        self.attempts: dict[str, int] = {}
        self.results: dict[str, str] = {}
        self.released: set[tuple[str, int]] = set()

    def add(self, line: dict[str, Any]) -> None:
        self.created |= set(line.get("created", ()))
        if "together" in line:
            self.together.append(tuple(line["created"]))
        for id_, attempt in line.get("claimed", ()):
            assert attempt > self.attempts.get(id_, 0)
            self.attempts[id_] = attempt
        self.results |= dict.fromkeys(line.get("succeeded", ()), line.get("result"))
        self.released |= {(id_, attempt) for id_, attempt in line.get("released", ())}

    def check(self, database: Database) -> None:
        """Holds a database against what was acknowledged: nothing is missing or half there."""
        batches = Counter(row[0] for row in read(database, "SELECT type FROM jobs"))
        assert {mark: n for mark, n in batches.items() if n != int(mark.split(".")[2])} == {}
        assert self.created <= set(batches)
        assert [pair for pair in self.together if len(set(pair) & set(batches)) == 1] == []
        self._check_rows(database)

    def _check_rows(self, database: Database) -> None:
        sql = "SELECT lower(hex(id)), attempt, result, status FROM jobs"
        rows = {row[0]: row[1:] for row in read(database, sql)}
        for id_, attempt in self.attempts.items():
            assert rows[id_.replace("-", "")][0] >= attempt
        for id_, result in self.results.items():
            assert rows[id_.replace("-", "")][1:] == (result, "succeeded")
        finished = Counter(row[1] for row in rows.values() if row[2] == "succeeded")
        assert {m: n for m, n in finished.items() if n != int(json.loads(m).split(".")[2])} == {}
        ended = set(read(database, "SELECT lower(hex(job_id)), attempt FROM job_attempts"))
        assert {(id_.replace("-", ""), n) for id_, n in self.released} <= ended


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "killed.db"


def delays() -> Iterator[float]:
    """Some while the file is being made or recovered, some in the middle of the work."""
    chance = random.Random()
    yield from (chance.uniform(0, 0.03) for _ in range(3))
    yield from (chance.uniform(0.1, 0.5) for _ in range(5))


def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_applied(path: Path) -> None:
    ledger, acknowledged = Ledger(), 0
    for n, seconds in enumerate(delays()):
        lines = killed(path, f"r{n}", seconds)
        acknowledged += len(lines)
        for line in lines:
            ledger.add(line)
        database = open_sqlite(path, Clock(), slot=0)
        migrate(database)
        assert read(database, "PRAGMA integrity_check") == [("ok",)]
        ledger.check(database)
        audit(database)
        database.close()
    assert acknowledged > 100
    assert min(map(len, (ledger.created, ledger.results, ledger.released))) > 20


def test_after_a_kill_the_next_process_goes_on_with_the_work(path: Path, clock: Clock) -> None:
    killed(path, "first", 0.5)
    store = Store(open_sqlite(path, clock, slot=0), clock)
    clock.now = time.time_ns() // 1000 + 3_600_000_000  # every lease has ended by now
    store.expire()
    clock.advance(3600)
    store.promote()
    assert set(store.depths()) <= {"queued", "succeeded"}
    claimed = store.claim(20)
    assert len(claimed) == 20
    writes = [store.update(Succeed, job, result='"by the next"') for job in claimed]
    assert store.apply(*writes).outcomes == [Outcome.APPLIED] * 20
    audit(store.database)
    store.database.close()
