"""A job as the hopper holds it."""

from typing import NamedTuple

import msgspec
from msgspec import Raw

from jobhopper_core.model.job import ClaimedJob

_PRIORITY_STEP = 1 << 42
_NULL = b"null"


class Held(msgspec.Struct, array_like=True):
    """What a claim hands out, with what its compare-and-set needs; times in µs."""

    id: str
    queue: str
    type: str
    payload: Raw
    priority: int
    run_at: int
    attempt: int
    max_attempts: int
    # JSON null stands for none: beside Raw, the decoder knows no other type.
    progress: Raw
    created_at: int
    updated_at: int
    traceparent: str | None


class Offer(NamedTuple):
    """A job's place and its value in the hopper."""

    id: str
    score: int
    attempt: int
    value: bytes


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Held).decode


def score(priority: int, run_at: int) -> int:
    """Priority first, then date (`run_at` in µs, to the millisecond); exact in a double."""
    return priority * _PRIORITY_STEP + run_at // 1000


def place(score_: int) -> tuple[int, int]:
    """The (priority, run_at in µs) of a score."""
    priority, ms = divmod(score_, _PRIORITY_STEP)
    return priority, ms * 1000


def offer(held: Held) -> Offer:
    """The offer of a job."""
    value = b"%d %d %b" % (held.attempt, held.updated_at, _encode(held))
    return Offer(held.id, score(held.priority, held.run_at), held.attempt, value)


def held(value: bytes) -> Held:
    """The job in a value that `take` gave."""
    return _decode(value.split(b" ", 2)[2])


def claimed(job: Held, claim_id: str, lease_until: int) -> ClaimedJob:
    """The job in a worker's hands."""
    return ClaimedJob(
        job.id,
        job.queue,
        job.type,
        bytes(job.payload).decode(),
        job.priority,
        job.run_at,
        job.attempt + 1,
        job.max_attempts,
        None if bytes(job.progress) == _NULL else bytes(job.progress).decode(),
        job.created_at,
        job.traceparent,
        claim_id,
        lease_until,
        "hopper",
    )
