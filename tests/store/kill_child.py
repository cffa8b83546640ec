"""A process that works on a database file until it is killed; see `test_kill.py`.

Several threads write through `Database`. Each committed batch is acknowledged by a line of JSON
on stdout, after its future is done and never before.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

from jobhopper_core.model.ids import IdMaker
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.writes import Create, Release, Succeed, Write
from jobhopper_core.store.apply import apply
from jobhopper_core.store.claim import claim
from jobhopper_core.store.database import Database, open_sqlite
from jobhopper_core.store.transaction import Transaction
from jobhopper_migrator import migrate

SHARDS = 4
THREADS = 6


def clock() -> int:
    return time.time_ns() // 1000


def say(**line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


class Worker:
    """One thread: creates a batch, claims some, ends them; `name` marks its batches."""

    def __init__(self, database: Database, ids: IdMaker, name: str) -> None:
        self.database, self.ids, self.name = database, ids, name
        self.numbers = count()

    def run(self) -> None:
        while True:
            self.create_a_batch()
            self.create_two_batches_in_one_transaction()
            claimed = self.claim()
            self.end(claimed)

    def mark(self, size: int) -> str:
        return f"{self.name}.{next(self.numbers)}.{size}"

    def creates(self, mark: str, size: int) -> list[Create]:
        now = clock()
        return [
            Create(id_, now, "mail", mark, json.dumps(mark), random.randrange(10), 5)
            for id_ in self.ids.make(size, now)
        ]

    def create_a_batch(self) -> None:
        size = random.randint(1, 30)
        mark = self.mark(size)
        self.write(self.creates(mark, size))
        say(created=[mark])

    def create_two_batches_in_one_transaction(self) -> None:
        size = random.randint(1, 5)
        one, two = self.mark(size), self.mark(size)
        first, second = self.creates(one, size), self.creates(two, size)

        def verb(tx: Transaction) -> None:
            apply(tx, first, random.random, SHARDS)
            apply(tx, second, random.random, SHARDS)

        self.database.write(verb).result()
        say(created=[one, two], together=True)

    def claim(self) -> list[ClaimedJob]:
        demand = Demand(random.randint(1, 20), None, self.name)
        handout = self.database.write(lambda tx: claim(tx, "mail", [demand])).result()
        (claimed,) = handout.jobs
        say(claimed=[(job.id, job.attempt) for job in claimed])
        return claimed

    def end(self, claimed: list[ClaimedJob]) -> None:
        middle = random.randint(0, len(claimed))
        done, back = claimed[:middle], claimed[middle:]
        mark = json.dumps(self.mark(len(done)))
        held = [(job.id, clock(), job.claim_id, job.attempt) for job in done + back]
        writes: list[Write] = [Succeed(*one, result=mark) for one in held[:middle]]
        self.write(writes + [Release(*one) for one in held[middle:]])
        released = [(job.id, job.attempt) for job in back]
        say(succeeded=[job.id for job in done], result=mark, released=released)

    def write(self, writes: list[Any]) -> None:
        self.database.write(lambda tx: apply(tx, writes, random.random, SHARDS)).result()


def main(path: str, name: str) -> None:
    say(opening=True)
    database = open_sqlite(Path(path), clock, slot=0)
    migrate(database)
    ids = IdMaker()
    runs: list[Callable[[], None]] = [
        Worker(database, ids, f"{name}-{n}").run for n in range(THREADS)
    ]
    for run in runs:
        Thread(target=run, daemon=True).start()
    time.sleep(60)  # a parent that died leaves no child behind for long


if __name__ == "__main__":
    main(*sys.argv[1:])
