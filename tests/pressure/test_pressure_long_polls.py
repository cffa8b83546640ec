"""Ten thousand workers that wait for work on one API process."""

import signal
import time
from statistics import median

import psutil
import pytest
from api.caller import Api, wait_until

from stack.services import Services

from .crowd import Crowd
from .memory import Memory, tell
from .steps import claim, create, created, soon, succeed

CROWD = 10_000
# What a waiting claim may take: connection, request, tasks, timers.
_KB_EACH = 60


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
    queues: int, api: Api, services: Services, memory: Memory
) -> None:
    names = [f"crowd{queues}.{i}" for i in range(queues)]
    with Crowd(services, names) as crowd:
        come(crowd, api, CROWD)
        memory.check(CROWD * _KB_EACH / 1_000, f"{memory.grown() * 1e3 / CROWD:.1f} KB a poll")
        load = busy(services, 3)
        took = [work_one(api) for _ in range(20)]
        assert max(took) < 1, took
        assert load < 0.5, f"idle polls take {load:.0%} of a processor"
        tell(f"load {load:.0%}, a job's round {median(took) * 1e3:.0f} ms")
        for name in names[:3]:
            began = time.monotonic()
            (id_,) = created(create(api, name))
            ((woken,),) = crowd.answers(5, most=1)
            assert (woken, time.monotonic() - began < 1) == (id_, True)
        # Nobody else was woken.
        assert crowd.answers(1.5) == []
        assert waiting(api) == CROWD - len(names[:3])
    wait_until(lambda: waiting(api) == 0, 20)
    # What they took is free for others.
    memory.check(CROWD * _KB_EACH / 1_000, "after they left")


def work_one(api: Api) -> float:
    began = time.monotonic()
    (id_,) = created(create(api, "beside"))
    job = {"id": ""}
    while job["id"] != id_:
        (job,) = claim(api, "beside", wait=5).json["jobs"]
    assert succeed(api, job).status in {200, 202}
    assert soon(api, "GET", "/v1/system").status == 200
    return time.monotonic() - began


def test_sigterm_answers_all_of_them(services: Services) -> None:
    api = Api(services.ports[0], services.key)
    with Crowd(services, ["last"]) as crowd:
        come(crowd, api, CROWD)
        began = time.monotonic()
        services.apis[0].send(signal.SIGTERM)
        answers = crowd.answers(10, most=CROWD)
        took = time.monotonic() - began
        assert answers == [[]] * CROWD
        assert took < 5
        tell(f"{CROWD} answered within {took:.1f} s")
        wait_until(lambda: not services.apis[0].alive, 10)
        assert services.apis[0].stop() == 0
    services.apis[0].start()
    services.apis[0].await_ready()
    api.close()
