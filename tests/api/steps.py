"""Short words for what the tests do over HTTP."""

import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from .caller import Api, Reply

NO_JOB = "01890000-0000-7000-8000-000000000000"


def create(api: Api, queue: str, **fields: Any) -> str:
    """The id of a new job."""
    reply = api.post("/v1/jobs", {"queue": queue, "type": "t", **fields})
    assert reply.status == 201, reply
    return str(reply.json["id"])


def create_many(api: Api, queue: str, number: int, **fields: Any) -> list[str]:
    """The ids of new jobs that came in one request."""
    jobs = [{"queue": queue, "type": "t", "payload": i, **fields} for i in range(number)]
    reply = api.post("/v1/jobs", {"jobs": jobs})
    assert reply.status == 201, reply
    return [one["id"] for one in reply.json["jobs"]]


def claim(api: Api, *queues: str, **fields: Any) -> list[dict[str, Any]]:
    """Claimed jobs."""
    reply = api.post("/v1/claims", {"queues": list(queues), **fields})
    assert reply.status == 200, reply
    jobs: list[dict[str, Any]] = reply.json["jobs"]
    return jobs


def claim_one(api: Api, queue: str, **fields: Any) -> dict[str, Any]:
    """The one job of a queue, claimed."""
    (job,) = claim(api, queue, **fields)
    return job


def running(api: Api, queue: str, *, lease: int = 60, **fields: Any) -> dict[str, Any]:
    """A new job, claimed."""
    id_ = create(api, queue, **fields)
    job = claim_one(api, queue, lease=lease)
    assert job["id"] == id_
    return job


def update(api: Api, job: dict[str, Any], **fields: Any) -> Reply:
    """A worker's update with the token of the claim."""
    return api.patch(f"/v1/jobs/{job['id']}", {"lease": job["lease"]["token"], **fields})


def operate(api: Api, id_: str, **fields: Any) -> Reply:
    """An operator's change."""
    return api.patch(f"/v1/jobs/{id_}", fields)


def read(api: Api, id_: str) -> dict[str, Any]:
    """A whole job."""
    reply = api.get(f"/v1/jobs/{id_}")
    assert reply.status == 200, reply
    job: dict[str, Any] = reply.json
    return job


def statuses(api: Api, *ids: str) -> list[str]:
    return [read(api, id_)["status"] for id_ in ids]


def top(api: Api, queue: str, n: int = 500) -> list[str]:
    """The ids of the jobs that would be claimed next."""
    return [job["id"] for job in api.get(f"/v1/queues/{queue}/top?n={n}").json["jobs"]]


def every(api: Api) -> list[dict[str, Any]]:
    """All jobs, as lists show them."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.get(f"/v1/jobs?limit=500{cursor}").json
        found += page["jobs"]
        if page["next"] is None:
            return found
        cursor = f"&next={page['next']}"


def depth(api: Api, queue: str) -> dict[str, int]:
    """How many jobs of each status; those of which there are none are left out."""
    found = api.get(f"/v1/queues/{queue}").json["depth"]
    return {status: n for status, n in found.items() if n}


def now() -> float:
    return time.time()


def text(seconds: float) -> str:
    """RFC 3339 text of a time in seconds since 1970, as Jobhopper writes it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 1e6))
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def seconds(value: str) -> float:
    """The seconds since 1970 of such a text."""
    return datetime.fromisoformat(value).timestamp()


def uuid7(at: float) -> str:
    """A UUIDv7 of a time in seconds since 1970, as a producer would make it."""
    value = int(at * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62
    digits = f"{value | secrets.randbits(62):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class Background(AbstractContextManager["Background"]):
    """Runs calls beside the test; each answers with how many seconds it took, too."""

    def __init__(self, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def claim(self, api: Api, *queues: str, **fields: Any) -> "Future[tuple[Any, float]]":
        return self._pool.submit(_timed_claim, api, queues, fields)

    def get(self, api: Api, path: str) -> "Future[tuple[Reply, float]]":
        return self._pool.submit(_timed_get, api, path)

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)


def _timed_claim(api: Api, queues: tuple[str, ...], fields: dict[str, Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return claim(api, *queues, **fields), time.monotonic() - began


def _timed_get(api: Api, path: str) -> tuple[Reply, float]:
    began = time.monotonic()
    return api.get(path), time.monotonic() - began
