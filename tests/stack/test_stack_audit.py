"""The audit finds what does not agree, and nothing where all does, also under load."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from api.caller import Api, wait_until
from prometheus_client import CollectorRegistry
from stack_traffic import Traffic

import jobhopper_refiller.audit as refiller_audit
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.hopper.audit import Check, Report, report
from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.model import ids
from jobhopper_core.store import audit as reads
from jobhopper_core.store import counts
from jobhopper_core.store.database import ServerDatabase, open_mysql
from jobhopper_refiller.audit import CHECKS, Audit
from jobhopper_refiller.telemetry import RefillerMetrics
from stack.services import Services

_MINUTE = 60_000_000


class Auditor:
    """Audits the stack's stores from here, turn by turn."""

    def __init__(self, services: Services) -> None:
        names = Names()
        self.database: ServerDatabase = open_mysql(services.stores.mysql, counts.FREE_SLOTS)
        self.link = HopperLink(services.stores.redis, HopperCommands(names))
        self.redis = redis.Redis.from_url(services.stores.redis)
        self.metrics = RefillerMetrics(CollectorRegistry())
        flow = ApplyAndOffer(self.database, self.link, names, 4)
        self.audit = Audit(self.database, flow, self.link, names, 4, self.metrics)

    def checks(self, turns: int = 2) -> dict[str, Check]:
        for _ in range(turns):
            self.audit.turn()
            time.sleep(0.3)
        found = report(self.redis.get("jh:audit"))
        assert isinstance(found, Report)
        return {check.name: check for check in found.checks}

    def drift(self) -> dict[str, int]:
        return {name: check.drift for name, check in self.checks().items() if check.drift}

    def change(self, sql: str, *values: Any) -> None:
        self.database.write(lambda tx: tx.run(sql, values)).result()

    def close(self) -> None:
        self.database.close()
        self.link.close()
        self.redis.close()


@pytest.fixture
def auditor(services: Services) -> Iterator[Auditor]:
    made = Auditor(services)
    yield made
    made.close()


@pytest.fixture
def alone(services: Services, auditor: Auditor) -> Iterator[Auditor]:
    """No refiller heals what the test spoils; afterwards nothing of it is left."""
    services.refillers[0].kill()
    yield auditor
    auditor.change("DELETE FROM jobs")
    auditor.change("DELETE FROM queue_counts")
    auditor.redis.flushall()
    services.refillers[0].start()
    services.refillers[0].await_ready()


def create(api: Api, queue: str, number: int = 5, **fields: Any) -> list[str]:
    jobs = [{"queue": queue, "type": "t", **fields} for _ in range(number)]
    reply = api.post("/v1/jobs?wait=persisted&timeout=10", {"jobs": jobs})
    assert reply.status == 201
    return [one["id"] for one in reply.json["jobs"]]


def test_all_agrees_under_load(services: Services, auditor: Auditor) -> None:
    with Traffic(services, "agree") as traffic:
        wait_until(lambda: len(traffic.results) > 100)
        for _ in range(4):
            checks = auditor.checks()
            assert {name: one for name, one in checks.items() if one.drift} == {}
        assert checks.keys() == set(CHECKS)
        assert checks["counters"].compared > 0
        traffic.await_all_done()


def test_jobs_that_were_accepted_are_looked_for(api: Api, auditor: Auditor) -> None:
    create(api, "sampled")
    wait_until(lambda: auditor.checks(1)["accepted"].compared > 0)
    lost = ids.IdMaker().make(1, auditor.database.clock() - _MINUTE)[0]
    auditor.redis.zadd("jh:accepted", {lost: ids.unix_ms(lost)})
    found = auditor.checks()["accepted"]
    assert (found.drift, found.examples) == (1, [lost])
    auditor.redis.zrem("jh:accepted", lost)
    assert auditor.drift() == {}


def lose_a_row(api: Api, auditor: Auditor) -> None:
    (job,) = create(api, "lost-row", 1)
    auditor.change("DELETE FROM jobs WHERE id = ?", ids.raw(job))


def take_from_the_hopper(api: Api, auditor: Auditor) -> None:
    create(api, "holes", 3)
    # Its horizon says that it holds all there are.
    horizon = {"score": "1e300", "id": "", "bytes": 0}
    auditor.redis.hset("jh:{holes}:horizon", mapping=horizon)
    auditor.redis.delete("jh:{holes}:ready", "jh:{holes}:jobs")


def put_into_the_hopper(api: Api, auditor: Auditor) -> None:
    create(api, "ghosts", 1)
    horizon = {"score": "1e300", "id": "", "bytes": 0}
    auditor.redis.hset("jh:{ghosts}:horizon", mapping=horizon)
    ghost = ids.IdMaker().make(1, auditor.database.clock() - _MINUTE)[0]
    auditor.redis.zadd("jh:{ghosts}:ready", {ghost: 1})


def miscount(api: Api, auditor: Auditor) -> None:
    create(api, "miscounted", 1)
    auditor.change("UPDATE queue_counts SET n = n + 1 WHERE queue = ?", "miscounted")


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lose_a_row, "counters"),
        (take_from_the_hopper, "offered"),
        (put_into_the_hopper, "held"),
        (miscount, "counters"),
    ],
)
def test_what_does_not_agree_is_found(
    api: Api, alone: Auditor, spoil: Callable[[Api, Auditor], None], check: str
) -> None:
    spoil(api, alone)
    assert alone.checks()[check].drift >= 1
    assert alone.metrics.drift.labels(check)._value.get() >= 1


def test_where_too_much_is_silenced_nothing_is_held_against_the_counters(
    api: Api, alone: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come first in the index would be counted, and the others missed."""
    for _ in range(2):
        create(api, "pruned", 3)
    oldest = "SELECT id FROM (SELECT id FROM jobs ORDER BY id LIMIT 4) found"
    alone.change(f"UPDATE jobs SET silenced = 1, ready_queue = NULL WHERE id IN ({oldest})")
    insert = "INSERT INTO queue_counts (queue, slot, status, n) VALUES ('pruned', 999, ?, ?)"
    alone.change(insert, "queued", -4)
    alone.change(insert, "silenced", 4)
    for scanned, compared in ((7, 1), (6, 0), (4, 0)):
        monkeypatch.setattr(reads, "_SCANNED_MAX", scanned)
        found = alone.checks()["counters"]
        assert (found.compared, found.drift) == (compared, 0)


def test_a_turn_looks_at_so_many_rows(api: Api, alone: Auditor) -> None:
    create(api, "long", 5)
    for most, found in ((6, {"queued": (5, 5)}), (5, {}), (2, {})):
        verb = partial(reads.counted, queue="long", most=most)
        assert alone.database.read(verb).result() == (found, min(most, 5))


def test_the_queues_of_a_turn_share_its_rows(
    api: Api, alone: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for queue in ("share-1", "share-2", "share-3"):
        create(api, queue, 5)
    for rows, compared in ((100, 3), (12, 2), (7, 1), (5, 0)):
        monkeypatch.setattr(refiller_audit, "_ROWS", rows)
        assert alone.checks(1)["counters"].compared == compared


def test_a_queue_with_something_to_see_is_looked_at_again(
    api: Api, alone: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what one turn in many sees would hardly ever be seen twice in a row."""
    monkeypatch.setattr(refiller_audit, "_QUEUES", 1)
    for i in range(20):
        create(api, f"many-{i}", 1)
    alone.change("UPDATE queue_counts SET n = n + 1 WHERE queue = ?", "many-7")
    for _ in range(200):
        alone.checks(1)
        if "many-7" in alone.audit._seen:
            break
    assert alone.checks(1)["counters"].examples == ["many-7 queued: 2 counted, 1 there"]


def test_timers_that_nobody_looks_at_are_found(api: Api, alone: Auditor) -> None:
    (job,) = create(api, "timer", 1, run_at="2031-01-01T00:00:00Z")
    ago = alone.database.clock() - 5 * _MINUTE
    alone.change("UPDATE jobs SET due_at = ? WHERE id = ?", ago, ids.raw(job))
    assert alone.checks(1)["schedule"].drift == 1
    (held,) = create(api, "held", 1)
    assert len(api.post("/v1/claims", {"queues": ["held"]}).json["jobs"]) == 1
    change = "UPDATE jobs SET due_at = ?, lease_until = ? WHERE id = ?"
    alone.change(change, ago, ago, ids.raw(held))
    alone.change("UPDATE shards SET tick = ? WHERE lane = 'updates'", ago)
    # No tick has come since, so no lease could have ended: that is not the leases' fault.
    assert alone.checks(1)["leases"].drift == 0
    alone.change("UPDATE shards SET tick = ? WHERE lane = 'updates'", ago + 4 * _MINUTE)
    assert alone.checks(1)["leases"].drift == 1


@pytest.mark.slow
def test_the_command_shows_the_newest_audit(services: Services, api: Api) -> None:
    wait_until(lambda: api.get("/v1/system/audit").status == 200, 40)
    settings = {"JOBHOPPER_URL": services.url, "JOBHOPPER_KEY": services.key}
    command = [Path(sys.executable).parent / "jobhopper", "audit"]
    environment = os.environ | settings
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, ""), shown
    assert {line.split()[0] for line in shown.stdout.splitlines()[1:-1]} == set(CHECKS)
    told = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=False)
    assert [one["name"] for one in json.loads(told.stdout)["checks"]] == list(CHECKS)
