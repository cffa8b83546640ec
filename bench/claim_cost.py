"""What a claim costs with a million jobs in the table against ten thousand."""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.job import Demand
from jobhopper_core.model.writes import Create
from jobhopper_core.store.apply import apply
from jobhopper_core.store.claim import claim
from jobhopper_core.store.database import Database, open_sqlite
from jobhopper_migrator import migrate

SMALL, LARGE = 10_000, 1_000_000
_CLAIMS, _SIZE, _SHARDS = 150, 50, 4


def claim_cost() -> tuple[float, float]:
    """The median time in ms of claiming 50 jobs: with SMALL and with LARGE jobs waiting."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with _filled(path / "small.db", SMALL) as small, _filled(path / "large.db", LARGE) as large:
            return _compare(small, large)


def _compare(small: Database, large: Database) -> tuple[float, float]:
    # In turn, so that a slow moment of the machine meets both.
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_CLAIMS):
        for database, taken in zip((small, large), times, strict=True):
            began = time.perf_counter()
            database.write(lambda tx: claim(tx, "bench", [Demand(_SIZE, None, "w")])).result()
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


@contextmanager
def _filled(path: Path, jobs: int) -> Iterator[Database]:
    database = open_sqlite(path, _clock, _SHARDS)
    try:
        migrate(database)
        ids = IdMaker()
        for _ in range(jobs // 1_000):
            batch = [_job(id_) for id_ in ids.make(1_000, _clock())]
            database.write(lambda tx, b=batch: apply(tx, b, random.random, _SHARDS)).result()
        yield database
    finally:
        database.close()


def _job(id_: str) -> Create:
    payload = '{"data": "' + "x" * 188 + '"}'
    return Create(id_, _clock(), "bench", "measure", payload, random.randrange(10), 5)


def _clock() -> int:
    return time.time_ns() // 1000
