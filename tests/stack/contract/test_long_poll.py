"""`tests/api/test_long_poll.py` on the services."""

import time

import pytest
from api import test_long_poll
from api.caller import Api, head
from api.server import await_waiters
from api.steps import Background, claim_one, update

from stack.services import Services

from . import OWN, contract_of
from .conftest import Server

pytestmark = pytest.mark.timed

_AWAITED = "allows for the time of many writes, each of which is waited for here"

globals().update(
    contract_of(
        "test_long_poll",
        {
            "test_waiting_claims_are_answered_empty_on_sigterm": OWN,
            "test_waiters_of_overlapping_queues_get_each_job_once": _AWAITED,
            "test_two_hundred_who_wait_do_not_hold_up_others": _AWAITED,
        },
    )
)


@pytest.fixture(autouse=True)
def _with_key(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the key to requests that the tests there write by hand, in open mode without one."""

    def signed(method: str, path: str, *lines: str) -> bytes:
        return head(method, path, f"Authorization: Bearer {services.key}", *lines)

    monkeypatch.setattr(test_long_poll, "head", signed)


def test_waiters_of_overlapping_queues_get_each_job_once(
    plain: Api, queue: str, beside: Background
) -> None:
    test_long_poll.overlapping(plain, queue, beside, accepted, wait=2)


def test_two_hundred_who_wait_do_not_hold_up_others(server: Server, plain: Api, queue: str) -> None:
    crowd = [test_long_poll.leaving(server.port, queue, wait=30) for _ in range(200)]
    try:
        await_waiters(plain, 200)
        began = time.monotonic()
        for _ in range(20):
            id_ = accepted(plain, f"{queue}.other")
            job = claim_one(plain, f"{queue}.other", wait=5)
            assert job["id"] == id_
            assert update(plain, job, status="succeeded").status == 202
        assert time.monotonic() - began < 3
    finally:
        for one in crowd:
            one.close()
    await_waiters(plain, 0)


def accepted(api: Api, queue: str) -> str:
    """The id of a job that is on its way."""
    reply = api.post("/v1/jobs", {"queue": queue, "type": "t"})
    assert reply.status == 202, reply
    return str(reply.json["id"])
