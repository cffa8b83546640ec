"""Ten thousand workers that wait for work on one API process."""

import signal
import time
from contextlib import closing
from statistics import median

import psutil
import pytest
from api.caller import Api, wait_until

from stack.services import Services

from .crowd import Crowd
from .memory import Memory, tell
from .steps import claim, create, created, soon, succeed

# All of them come and go within seconds, which takes the whole machine.
pytestmark = [pytest.mark.timed, pytest.mark.alone]
CROWD = 10_000
# What a waiting claim may take: connection, parser, request, tasks, timers (35 KB were measured).
_KB_EACH = 45


def waiting(api: Api) -> int:
    lines = api.get("/metrics").text.splitlines()
    return int(
        float(next(x for x in lines if x.startswith("jobhopper_claims_waiting ")).split()[1])
    )


def come(crowd: Crowd, api: Api, number: int) -> None:
    before = waiting(api)
    crowd.come(number)
    wait_until(lambda: waiting(api) == before + number, 60)


def busy(services: Services, seconds: float) -> float:
    """The part of a processor that the API takes."""
    process = psutil.Process(services.apis[0].pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before) / seconds


@pytest.mark.parametrize("queues", [1, 100], ids=["one queue", "100 queues"])
def test_ten_thousand_who_wait_cost_little_and_hold_up_nobody(
    queues: int, services: Services, memory: Memory
) -> None:
    names = [f"crowd{queues}.{i}" for i in range(queues)]
    with (
        closing(Api(services.ports[0], services.key)) as api,
        Crowd(services, names) as crowd,
    ):
        come(crowd, api, CROWD)
        memory.check(CROWD * _KB_EACH / 1_000, f"{memory.grown() * 1e3 / CROWD:.1f} KB a poll")
        load = busy(services, 2)
        took = [work_one(api) for _ in range(20)]
        tell(
            f"idle polls take {load:.0%} of a processor; a job's round {median(took) * 1e3:.0f} ms"
        )
        assert max(took) < 1, took
        assert load < 0.5
        for name in names[:3]:
            began = time.monotonic()
            (id_,) = created(create(api, name))
            ((woken,),) = crowd.answers(5, most=1)
            assert (woken, time.monotonic() - began < 1) == (id_, True)
        # Nobody else was woken.
        assert crowd.answers(1.5) == []
        left = CROWD - len(names[:3])
        assert waiting(api) == left
        began = time.monotonic()
        services.apis[0].send(signal.SIGTERM)
        assert crowd.answers(10, most=left) == [[]] * left
        tell(f"{left} answered within {time.monotonic() - began:.1f} s of SIGTERM")
        assert time.monotonic() - began < 5
        wait_until(lambda: not services.apis[0].alive, 10)
        assert services.apis[0].stop() == 0
    services.apis[0].start()
    services.apis[0].await_ready()
    with closing(Api(services.ports[0], services.key)) as api:
        # Another process now: neither connections nor waiters are left of the crowd.
        assert waiting(api) == 0


def work_one(api: Api) -> float:
    """A job created, claimed and done beside the crowd; how long that took."""
    began = time.monotonic()
    (id_,) = created(create(api, "beside"))
    job = {"id": ""}
    while job["id"] != id_:
        (job,) = claim(api, "beside", wait=5).json["jobs"]
    assert succeed(api, job).status in {200, 202}
    assert soon(api, "GET", "/v1/system").status == 200
    return time.monotonic() - began
