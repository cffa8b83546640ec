"""A process that alone can't reach MySQL refuses claims: the others reach it, and they count."""

from collections.abc import Iterator

import pytest
from api.caller import Api, wait_until

from stack.services import Services
from stack.wires import Wires


@pytest.fixture
def apis(wires: Wires, services: Services) -> Iterator[tuple[Api, Api]]:
    """The first reaches MySQL whatever befalls the wires."""
    first = services.apis[0]
    first.stop()
    first._settings["JOBHOPPER_MYSQL_URL"] = wires.direct.mysql
    first.start()
    first.await_ready()
    one, other = (Api(port, services.key) for port in services.ports)
    yield one, other
    one.close()
    other.close()


def test_it_refuses_claims_and_takes_creates_while_the_others_go_on(
    apis: tuple[Api, Api], wires: Wires
) -> None:
    one, other = apis
    jobs = {"jobs": [{"queue": "lone", "type": "t"} for _ in range(20)]}
    assert one.post("/v1/jobs?wait=persisted&timeout=10", jobs).status == 201
    wait_until(lambda: other.get("/v1/system").json["outage"]["replicas"] == 2)
    with wires.fault("refused", "mysql"):
        wait_until(lambda: other.get("/v1/system").json["outage"]["reaching"] == 1)
        for _ in range(3):
            refused = other.post("/v1/claims", {"queues": ["lone"]})
            assert (refused.status, refused.code) == (503, "unavailable")
            assert refused.headers["retry-after"] == "1"
        claimed = one.post("/v1/claims", {"queues": ["lone"], "max": 5}).json["jobs"]
        assert [job["provisional"] for job in claimed] == [False] * 5
        assert other.post("/v1/jobs", {"queue": "lone", "type": "t"}).status == 202
        for job in claimed:
            said = {"lease": job["lease"]["token"], "status": "succeeded"}
            assert other.patch(f"/v1/jobs/{job['id']}", said).status == 202
        for api in apis:
            assert api.get("/v1/system").json["outage"]["phase"] == "none"
    wait_until(lambda: other.post("/v1/claims", {"queues": ["lone"]}).status == 200, 5)
