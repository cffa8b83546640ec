"""Calls of every kind with a good answer to each, and bounds around them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from client_fake_http import Behaviour, answer

from jobhopper import ClaimedJob, Client, Lease

CREATED = answer(202, {"id": "x", "receipt": "rabbitmq", "duplicate": False})
JOB = answer(200, {"id": "x", "status": "queued"})
NO_JOBS = answer(200, {"jobs": []})
UPDATED = answer(202, {"id": "x", "receipt": "rabbitmq"})

CLAIMED = ClaimedJob.from_wire(
    {
        "id": "x",
        "queue": "mail",
        "type": "welcome",
        "payload": None,
        "priority": 5,
        "run_at": "2026-11-24T06:00:00.000000Z",
        "attempt": 1,
        "max_attempts": 5,
        "progress": None,
        "created_at": "2026-11-24T06:00:00.000000Z",
        "traceparent": None,
        "provisional": False,
        "lease": {"token": "jl1.token", "expires_at": "2026-11-24T06:01:00.000000Z"},
    }
)

Call = Callable[[Client], object]

# What is harmless when it takes effect twice, and what is not.
REPEATABLE: dict[str, tuple[Call, Behaviour]] = {
    "read": (lambda client: client.job("x"), JOB),
    "create": (lambda client: client.create("mail", "welcome"), CREATED),
    "succeed": (lambda client: client.succeed(CLAIMED), UPDATED),
}
ONCE: dict[str, tuple[Call, Behaviour]] = {
    "claim": (lambda client: client.claim("mail"), NO_JOBS),
    "redrive": (lambda client: client.redrive("x"), JOB),
}
ALL = REPEATABLE | ONCE


@contextmanager
def client_of(url: str, timeout: float = 5, retry_for: float = 5) -> Iterator[Client]:
    with Client(url, "jh_a_b", timeout=timeout, retry_for=retry_for) as client:
        yield client


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def claimed_with(token: str) -> ClaimedJob:
    """A job in a worker's hands by the lease `token`."""
    copy = {name: getattr(CLAIMED, name) for name in ClaimedJob.__dataclass_fields__}
    job = ClaimedJob(**copy)
    job.lease = Lease(token, CLAIMED.lease.expires_at)
    return job
