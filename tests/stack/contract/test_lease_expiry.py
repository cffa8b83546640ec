"""`tests/api/test_lease_expiry.py` on the services, where a tick ends a lease 10 s late."""

import time
from typing import Any

import pytest
from api.caller import Api, wait_until
from api.steps import claim_one, read, running, update

from . import JUDGED, contract_of

pytestmark = pytest.mark.slow

_LATE = "expects an expired lease to be noticed within 4 s"
# The lease of 1 s, the 10 s of grace, a tick a second, and a busy machine.
_PATIENCE = 25

globals().update(
    contract_of(
        "test_lease_expiry",
        {
            "api": "a module's caller would outlive the package's services",
            "late": _LATE,
            "test_a_lease_holds_until_its_end_and_not_much_longer": _LATE,
            "test_a_waiting_claim_gets_a_job_whose_lease_ended": _LATE,
            "test_a_token_that_outlives_its_claim_is_stale": JUDGED,
        },
    )
)


@pytest.fixture(scope="module")
def api(server: Any) -> Api:
    caller: Api = server.api()
    return caller


@pytest.fixture(scope="module")
def late(api: Api) -> dict[str, Any]:
    """As there, with patience."""
    api.patch("/v1/queues/late.at-once", {"backoff": {"base": 0}})
    cases = {
        "retried": running(api, "late.retried", lease=1),
        "at once": running(api, "late.at-once", lease=1),
        "last": running(api, "late.last", lease=1, max_attempts=1),
        "progress": running(api, "late.progress", lease=1),
        "kept": running(api, "late.kept", lease=1),
    }
    update(api, cases["progress"], progress="half")
    cases["kept"]["newer"] = update(api, cases["kept"], extend=60).json["lease"]
    for name in ("retried", "at once", "last", "progress"):
        wait_until(lambda id_=cases[name]["id"]: read(api, id_)["status"] != "running", _PATIENCE)
    return cases


def test_a_waiting_claim_gets_a_job_whose_lease_ended(api: Api, queue: str) -> None:
    api.patch(f"/v1/queues/{queue}", {"backoff": {"base": 0}})
    job = running(api, queue, lease=1)
    began = time.monotonic()
    second = claim_one(api, queue, wait=_PATIENCE)
    assert (second["id"], second["attempt"]) == (job["id"], 2)
    # Never before: an update that was accepted in time may still be on its way.
    assert 10 <= time.monotonic() - began < 15
