"""What a test stands on: emptied stores, and consumers that end with it."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from store.audit import audit
from store.steps import SECOND, Store

from jobhopper_core.broker.names import Lane
from jobhopper_core.model import ids
from jobhopper_core.model.job import ClaimedJob
from jobhopper_core.model.writes import Create
from jobhopper_core.store import counts, shards
from jobhopper_core.store.database import ServerDatabase, open_mysql
from stack.containers.container import Container
from stack.ports import free_port
from stack.process import Process

from .broker import SHARDS, Broker
from .inside import Inside


class RealClock:
    """The time of day; `Store` asks for its own."""

    def __call__(self) -> int:
        return time.time_ns() // 1000


class Ground:
    """The stores, a store's verbs, a broker, and consumers as processes or inside."""

    def __init__(
        self, mysql: Container, url: str, rabbitmq: Container, valkey: Container, folder: Path
    ) -> None:
        self.mysql, self.rabbitmq, self.valkey = mysql, rabbitmq, valkey
        self.url = url
        self.folder = folder
        self.clock = RealClock()
        self.database: ServerDatabase = open_mysql(url, slot=counts.FREE_SLOTS)
        self.store = Store(self.database, self.clock)  # type: ignore[arg-type]
        self.store.write(lambda tx: shards.make(tx, [lane.value for lane in Lane], SHARDS))
        self.broker = Broker(rabbitmq.url)
        self._processes: list[Process] = []
        self._ends: list[Callable[[], None]] = [self.database.close]

    def consumer(self, replica: int = 0, rabbitmq: str | None = None, **more: str) -> Process:
        """A consumer's process that is ready."""
        process = self.new_consumer(replica, rabbitmq, **more)
        process.start()
        process.await_ready()
        return process

    def new_consumer(self, replica: int = 0, rabbitmq: str | None = None, **more: str) -> Process:
        """A consumer's process that has not been started."""
        probe = free_port()
        settings = {
            "JOBHOPPER_MYSQL_URL": self.url,
            "JOBHOPPER_RABBITMQ_URL": rabbitmq or self.rabbitmq.url,
            "JOBHOPPER_REDIS_URL": self.valkey.url,
            "JOBHOPPER_SHARDS": str(SHARDS),
            "JOBHOPPER_REPLICA": str(replica),
            "JOBHOPPER_METRICS_LISTEN": f"127.0.0.1:{probe}",
            **{f"JOBHOPPER_{name}": value for name, value in more.items()},
        }
        log = self.folder / f"consumer-{len(self._processes)}.log"
        process = Process("jobhopper-consumer", settings, log, probe)
        self._processes.append(process)
        return process

    def inside(self, rabbitmq: str | None = None, **shape: Any) -> Inside:
        """A consumer in this process."""
        database = open_mysql(self.url, slot=0)
        made = Inside(rabbitmq or self.rabbitmq.url, database, **shape)
        self._ends += [database.close, made.stop]
        made.start()
        return made

    def reconnect(self) -> None:
        """After RabbitMQ's death the test's own connection is gone as well."""
        self.broker.close()
        self.broker = Broker(self.rabbitmq.url)

    def new(self, count: int = 1, shard: int = 0, **fields: Any) -> list[Create]:
        """Creates of one shard, accepted now."""
        while True:
            made = self.store.ids(count)
            if ids.shard(made[0], SHARDS) == shard:
                return [self.store.new(id=id_, **fields) for id_ in made]

    def running(self, count: int = 1, shard: int = 0, lease: float = 60) -> list[ClaimedJob]:
        """New jobs of a shard in the hands of workers."""
        queue = f"q{time.time_ns()}"
        self.store.apply(*self.new(count, shard, queue=queue))
        return self.store.claim(count, queue, lease)

    def jobs(self, where: str = "1 = 1") -> int:
        """How many jobs there are."""
        rows = self.store.read(lambda tx: tx.read(f"SELECT COUNT(*) FROM jobs WHERE {where}"))
        count: int = rows[0][0]
        return count

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.store.read(lambda tx: tx.read(sql))]

    def lag(self, lane: str, shard: int) -> float:
        """How old the newest tick of a shard is, in seconds; large when there was none."""
        ((tick,),) = self.rows(
            f"SELECT tick FROM shards WHERE lane = '{lane}' AND shard = {shard}"
        ) or [(0,)]
        return (self.clock() - tick) / SECOND

    def audit(self) -> None:
        audit(self.database)

    def end(self) -> None:
        for process in self._processes:
            if process.alive:
                process.kill()
        for end in reversed(self._ends):
            end()
        self.broker.close()


def until(true: Callable[[], object], seconds: float = 10, why: str = "") -> float:
    """Waits until `true()`; how many seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + seconds, f"not within {seconds} s: {why}"
        time.sleep(0.02)
    return time.monotonic() - began


def metrics(process: Process) -> dict[str, float]:
    """What a process exports, by name and labels as they stand there."""
    with urlopen(f"http://127.0.0.1:{process.probe}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {k: float(v) for k, v in re.findall(r"^([^# ]\S*) (\S+)$", text, re.MULTILINE)}


def ids_of(writes: Sequence[Create]) -> set[str]:
    return {write.id for write in writes}
