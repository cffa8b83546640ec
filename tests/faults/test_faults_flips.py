"""Stores that come and go a hundred times leave no thread, connection or memory behind."""

import itertools
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from api.caller import Api, wait_until

from stack.process import Process
from stack.services import Services
from stack.wires import Wires

_FLIPS = 100
_AWAY, _THERE = 0.25, 0.35
# A pool that had not needed all its threads and connections yet may have them now.
_MORE = 12
_MORE_MB = 60


class Size(NamedTuple):
    """What a process holds."""

    threads: int
    files: int
    megabytes: float


def size(process: Process) -> Size:
    folder = Path("/proc") / str(process.pid)
    told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    files = sum(1 for _ in (folder / "fd").iterdir())
    return Size(int(told["Threads"]), files, int(told["VmRSS"].split()[0]) / 1024)


def work(api: Api, number: int) -> None:
    """A job's whole life; what is refused meanwhile is refused soon."""
    api.post("/v1/jobs", {"queue": "flips", "type": "t", "payload": number})
    claimed = api.post("/v1/claims", {"queues": ["flips"], "max": 5})
    for job in claimed.json["jobs"] if claimed.status == 200 else []:
        said = {"lease": job["lease"]["token"], "status": "succeeded"}
        api.patch(f"/v1/jobs/{job['id']}", said)


def all_up(api: Api) -> bool:
    system = api.get("/v1/system").json
    up = all(one["up"] and one["breaker"] == "closed" for one in system["stores"].values())
    return up and system["outage"]["phase"] == "none"


@pytest.mark.slow
@pytest.mark.long
def test_a_hundred_flips_leave_nothing_behind(wires: Wires, services: Services) -> None:
    apis = [Api(port, services.key) for port in services.ports]
    for number in range(200):
        work(apis[number % 2], number)
    before = {one: size(one) for one in services.all}
    names = itertools.cycle(("mysql", "redis", "rabbitmq"))
    for number in range(_FLIPS):
        with wires.fault("refused", next(names)):
            work(apis[number % 2], number)
            time.sleep(_AWAY)
        work(apis[number % 2], number)
        time.sleep(_THERE)
    wait_until(lambda: all(all_up(api) for api in apis), 20)
    for number in range(200):
        work(apis[number % 2], number)
    # What was closed is collected.
    time.sleep(3)
    after = {one: size(one) for one in services.all}
    grown = {
        one.command: (before[one], after[one])
        for one in services.all
        if after[one].threads > before[one].threads + _MORE
        or after[one].files > before[one].files + _MORE
        or after[one].megabytes > before[one].megabytes + _MORE_MB
    }
    assert grown == {}
    for api in apis:
        api.close()
