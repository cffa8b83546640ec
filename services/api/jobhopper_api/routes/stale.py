"""Reads while MySQL is away: what the hopper holds, marked as possibly out of date."""

from typing import Any

from jobhopper_api.operations import Call
from jobhopper_api.redis_side import RedisSide
from jobhopper_core.errors import UnavailableError
from jobhopper_core.hopper.offer import Held
from jobhopper_core.model.job import Job
from jobhopper_core.model.states import Status


def redis_of(call: Call[Any, Any], error: UnavailableError) -> RedisSide:
    """Redis, to read from instead. Raises `error` where there is none."""
    if call.services.redis is None:
        raise error
    return call.services.redis


def job_of(held: Held) -> Job:
    """What the hopper knows of a job: that it is queued. Its failures are at most its attempts."""
    progress = bytes(held.progress).decode()
    return Job(
        id=held.id,
        queue=held.queue,
        type=held.type,
        status=Status.QUEUED,
        priority=held.priority,
        run_at=held.run_at,
        attempt=held.attempt,
        failures=held.attempt,
        max_attempts=held.max_attempts,
        silenced=False,
        worker=None,
        lease_until=None,
        created_at=held.created_at,
        updated_at=held.updated_at,
        finished_at=None,
        error=None,
        progress=None if progress == "null" else progress,
        payload=bytes(held.payload).decode(),
        result=None,
    )
