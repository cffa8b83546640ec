"""The table "One store down" of the architecture: each column by each fault, all rows at once."""

import sys
import time
from collections.abc import Iterator
from itertools import count

import pytest
from api.caller import Api, wait_until
from faults_calls import Called, told
from faults_end import await_all_done, check_once
from faults_table import BACK, COLUMNS, NORMAL, NOTICED, Column, Course
from faults_timers import EXPIRES_WITHIN, Timers
from faults_traffic import Traffic

from stack.services import Services
from stack.wires import FAULTS, Wires

pytestmark = [pytest.mark.stores, pytest.mark.timed, pytest.mark.slow]
# As ever before the fault; without the stores once that is noticed; as ever once they are back.
_BEFORE, _DURING, _AFTER = 1.5, 6.0, 1.5
# Of all calls while the network is slow.
_REFUSED_MAX = 0.05
# Everything comes back at once after an outage of MySQL, which takes the whole machine.
_NAMES = [
    pytest.param(name, marks=pytest.mark.alone) if name == "mysql" else name for name in COLUMNS
]
_numbers = count(1)


@pytest.fixture
def traffic(services: Services) -> Iterator[Traffic]:
    await_up(services)
    with Traffic(services, f"fault{next(_numbers)}") as running:
        yield running


@pytest.fixture
def watched(services: Services) -> Iterator[None]:
    """The processes are the same afterwards, and none had a fault of its own."""
    pids = [one.pid for one in services.all]
    read = [one.log.stat().st_size for one in services.all]
    yield
    assert [one.pid for one in services.all] == pids
    for one, size in zip(services.all, read, strict=True):
        new = one.log.read_bytes()[size:].decode()
        faults = [
            line for line in new.splitlines() if "loop_failed" in line or "request_failed" in line
        ]
        assert one.alive
        assert not faults, "\n".join(faults)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.usefixtures("watched")
def test_one_store_down(
    name: str,
    kind: str,
    wires: Wires,
    services: Services,
    traffic: Traffic,
) -> None:
    column = COLUMNS[name]
    with Timers(services, traffic, _BEFORE + NOTICED + 1.5) as timers:
        time.sleep(_BEFORE)
        timers.keep()
        course = suffer(wires, column, kind, timers)
        time.sleep(max(0.0, course.ended + BACK + _AFTER - time.monotonic()))
        found = await_all_done(traffic, wires.direct.mysql)
        report(course, traffic.calls.made, column)
        traffic.check_unhurt()
        wrong = course.wrong(traffic.calls.made, column, slow=kind == "slow")
        assert not wrong, f"not as the table says:\n{told(wrong, course.began)}"
        assert course.seen(traffic.calls.made) == NORMAL.keys() - {"updates"}
        check_once(traffic, found)
        if kind == "slow":
            assert course.refused(traffic.calls.made) <= _REFUSED_MAX
        else:
            timers.check_promotion(course, promotes=column.promotes)
        wait_until(timers.expired, 2)
        timers.check_kept()


def suffer(wires: Wires, column: Column, kind: str, timers: Timers) -> Course:
    """Goes through the fault; looks at the leases before its end, where that can be told then."""
    looks = kind != "slow" and column.stores != ("mysql",)
    began = time.monotonic()
    lasts = NOTICED + _DURING
    if looks:
        lasts = max(lasts, timers.lapsed_at + EXPIRES_WITHIN - began)
    with wires.fault(kind, *column.stores):
        time.sleep(lasts)
        if looks:
            assert timers.expired() == column.expires
        ending = time.monotonic()
    return Course(began, ending, time.monotonic())


def report(course: Course, calls: list[Called], column: Column) -> None:
    """What the run was like, for whoever reads why a test failed."""
    figures = {
        "fault": course.ended - course.began,
        "noticed": course.noticed(calls, column),
        "back": course.back(calls),
        "slowest": max(one.took for one in calls),
    }
    said = ", ".join(f"{name} {value:.2f} s" for name, value in figures.items())
    sys.stdout.write(f"{said}\n{told(calls, course.began)}\n")


def await_up(services: Services) -> None:
    """Returns when every process says that its stores are there."""
    for port in services.ports:
        api = Api(port, services.key)
        wait_until(lambda api=api: set(api.get("/readyz").json["stores"].values()) == {"up"}, 10)  # type: ignore[misc]
        api.close()
