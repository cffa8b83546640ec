"""`POST /v1/jobs`: creates one job or many, all or nothing."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from functools import partial

import msgspec
from msgspec import UNSET

from jobhopper_api.http.identity import require
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.routes.preparing import Wanted, prepare
from jobhopper_api.telemetry import count
from jobhopper_api.wire import answers, decode, json_text
from jobhopper_api.wire.queries import CreateQuery
from jobhopper_api.wire.requests import NewJob, NewJobs
from jobhopper_core.errors import InvalidFieldError, UnavailableError
from jobhopper_core.model import ids, limits
from jobhopper_core.model.access import Scope
from jobhopper_core.model.writes import Create, Outcome
from jobhopper_core.store.idempotency import Reservation
from jobhopper_core.store.look_up import exists

_TRACEPARENT = "traceparent"
_KEY = "Idempotency-Key"
# Printable Latin-1, which is what a header can hold.
_PRINTABLE = r"!-~\u00a1-\u00ac\u00ae-\u00ff"
_KEY_PATTERN = re.compile(f"[{_PRINTABLE}]([ {_PRINTABLE}]*[{_PRINTABLE}])?")
# `wait=persisted` looks soon, then less and less often (seconds).
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.01, 0.2


class NewBatch(msgspec.Struct):
    """A create's body: the jobs, whether it named just one, and the body's hash."""

    jobs: list[NewJob]
    single: bool
    digest: bytes


class _Shape(msgspec.Struct):
    jobs: msgspec.Raw | msgspec.UnsetType = UNSET


_shape = decode.body_reader(_Shape)
_one = decode.body_reader(NewJob)
_many = decode.body_reader(NewJobs)


def read(data: bytes) -> NewBatch:
    """Reads either form of the body; the presence of `jobs` tells them apart."""
    digest = hashlib.sha256(data).digest()
    if _shape(data).jobs is UNSET:
        return NewBatch([_one(data)], True, digest)
    return NewBatch(_many(data).jobs, False, digest)


async def create(call: Call[NewBatch, CreateQuery]) -> Answer:
    """Creates jobs and answers once they are durable."""
    batch, services = call.body, call.services
    names = dict.fromkeys(job.queue for job in batch.jobs)
    for queue in names:
        require(call.caller, queue, Scope.PRODUCE)
    now = services.store.now()
    writes = [_write(call, i, job, now) for i, job in enumerate(batch.jobs)]
    ready = await prepare(call.services, names, _wanted(call, now))
    job_ids, repeated = ready.job_ids, ready.repeated
    for write, job, id_ in zip(writes, batch.jobs, job_ids, strict=True):
        write.id = id_
        write.new_queue = job.queue in ready.unsure
        if job.max_attempts is UNSET:
            write.max_attempts = ready.settings[job.queue].max_attempts
    writes[0].key = ready.key
    written = await services.writes.create(writes)
    # What is on its way has no outcome yet; of a known key its jobs were answered before.
    duplicates = [
        repeated if one.outcome is None else one.outcome is Outcome.DUPLICATE for one in written
    ]
    receipt = written[0].receipt
    services.sampling.note(job_ids)
    label = services.metrics.label
    new = [w for w, duplicate in zip(writes, duplicates, strict=True) if not duplicate]
    count(services.metrics.created, [(label(write.queue), receipt) for write in new])
    if call.query.wait and receipt == "rabbitmq" and await _persisted(call, job_ids):
        receipt = "mysql"
    return _answer(batch, job_ids, duplicates, receipt)


async def _persisted(call: Call[NewBatch, CreateQuery], job_ids: Sequence[str]) -> bool:
    """Whether the last of the jobs came into the database within the time-out."""
    loop = asyncio.get_running_loop()
    until = loop.time() + call.query.timeout
    pause = _FIRST_LOOK_SECONDS
    while not await _exists(call, job_ids[-1]):
        left = until - loop.time()
        if left <= 0:
            return False
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LAST_LOOK_SECONDS)
    return True


async def _exists(call: Call[NewBatch, CreateQuery], job_id: str) -> bool:
    try:
        return await call.services.store.read(partial(exists, job_id=job_id))
    except UnavailableError:
        # It is accepted all the same; the caller is told that it is not there yet.
        return False


def _write(call: Call[NewBatch, CreateQuery], index: int, job: NewJob, now: int) -> Create:
    at = "" if call.body.single else f"/jobs/{index}"
    return Create(
        id="",
        at=now,
        queue=job.queue,
        type=job.type,
        payload=_payload(job, f"{at}/payload"),
        priority=job.priority,
        max_attempts=0 if job.max_attempts is UNSET else job.max_attempts,
        run_at=None if job.run_at is None else decode.time(job.run_at, f"{at}/run_at"),
        traceparent=_traceparent(call),
    )


def _payload(job: NewJob, field: str) -> str:
    if job.payload is UNSET:
        return "null"
    return json_text.checked(job.payload, field, limits.PAYLOAD_MAX)


def _key(call: Call[NewBatch, CreateQuery]) -> str | None:
    values = call.request.headers.getlist(_KEY)
    if not values:
        return None
    if len(values) > 1:
        raise InvalidFieldError(_KEY, "is given more than once; give it once.")
    if len(values[0]) > limits.IDEMPOTENCY_KEY_MAX or not _KEY_PATTERN.fullmatch(values[0]):
        raise InvalidFieldError(
            _KEY, f"must be 1 to {limits.IDEMPOTENCY_KEY_MAX} printable characters."
        )
    return values[0]


def _wanted(call: Call[NewBatch, CreateQuery], now: int) -> Wanted:
    size, key = len(call.body.jobs), _key(call)
    first = None if key is None else ids.first_id_of_key(key, now)
    made = call.services.ids.make(size, now) if first is None else ids.series(first, size)
    if key is None or first is not None:
        return Wanted(made, None)
    digest = hashlib.sha256(f"{call.caller.id}\n{key}".encode()).digest()
    return Wanted(made, Reservation(digest, made[0], len(made), call.body.digest))


def _traceparent(call: Call[NewBatch, CreateQuery]) -> str | None:
    value = call.request.headers.get(_TRACEPARENT)
    return value if value and len(value) <= limits.TRACEPARENT_MAX and value.isascii() else None


def _answer(
    batch: NewBatch, job_ids: Sequence[str], duplicates: Sequence[bool], receipt: answers.Receipt
) -> Answer:
    status = 202 if receipt == "rabbitmq" else 200 if all(duplicates) else 201
    if batch.single:
        id_ = job_ids[0]
        headers = {"Location": f"/v1/jobs/{id_}"}
        return Answer(status, answers.Created(id_, receipt, duplicates[0]), headers)
    created = [answers.CreatedOne(*pair) for pair in zip(job_ids, duplicates, strict=True)]
    return Answer(status, answers.CreatedMany(created, receipt))


OPERATIONS = (
    Operation(
        "POST",
        "/v1/jobs",
        create,
        "Creates one job, or up to 1,000 together: all or nothing, in the order sent.",
        {200: answers.Created, 201: answers.Created, 202: answers.Created},
        scope="produce",
        body=(NewJob, NewJobs),
        reader=read,
        query=CreateQuery,
        patience=lambda _body, query: query.timeout if query.wait else 0.0,
        headers={
            _KEY: {
                "description": "A repeat with the same key within 24 hours answers with the first "
                "ids. A fresh UUIDv7 becomes the first job's id.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": limits.IDEMPOTENCY_KEY_MAX,
                    "pattern": f"^{_KEY_PATTERN.pattern}$",
                },
            },
            _TRACEPARENT: {
                "description": "W3C trace context, handed on to the worker; left out when it is "
                f"not ASCII or longer than {limits.TRACEPARENT_MAX} characters.",
                "schema": {"type": "string"},
            },
        },
    ),
)
