"""`/v1/jobs/{id}` and `GET /v1/jobs`: one job, lists of them, operators' changes."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from jobhopper_api.http.identity import require
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.routes import paging
from jobhopper_api.routes.on_its_way import is_on_its_way, may_be_on_its_way, not_found
from jobhopper_api.routes.stale import job_of, redis_of
from jobhopper_api.routes.worker_updates import update_one
from jobhopper_api.wire import answers, decode
from jobhopper_api.wire.fields import ID_PATTERN, MEANINGS
from jobhopper_api.wire.queries import JobQuery, JobsQuery, NoQuery
from jobhopper_api.wire.requests import OperatorUpdate, WorkerUpdate
from jobhopper_core.errors import InvalidFieldError, NotFoundError, UnavailableError
from jobhopper_core.model import ids
from jobhopper_core.model.access import Scope
from jobhopper_core.model.job import Attempt, Job
from jobhopper_core.model.states import FINAL, Move
from jobhopper_core.model.times import floor_ms
from jobhopper_core.store.list_jobs import Filters, list_jobs
from jobhopper_core.store.look_up import look_up
from jobhopper_core.store.operate import Order, erase, operate
from jobhopper_core.store.save import Effects
from jobhopper_core.store.transaction import Transaction

_MOVES = {"cancelled": Move.CANCEL, "queued": Move.REDRIVE}
_SILENCED = {"false": False, "true": True, "any": None}
# While a caller waits for a job's end, the database is asked this often in case the word of it
# was lost.
_ASK_AGAIN_SECONDS = 1.0


class Found(NamedTuple):
    """A job with its attempts; `stale` when it comes from the hopper."""

    job: Job
    attempts: list[Attempt]
    stale: bool = False


class _Shape(msgspec.Struct):
    lease: msgspec.Raw | msgspec.UnsetType = UNSET
    status: msgspec.Raw | msgspec.UnsetType = UNSET


_shape = decode.body_reader(_Shape)
_worker = decode.body_reader(WorkerUpdate)
_operator = decode.body_reader(OperatorUpdate)


def read_update(data: bytes) -> WorkerUpdate | OperatorUpdate:
    """Reads either form of the body; the presence of `lease` tells them apart."""
    shape = _shape(data)
    if shape.lease is not UNSET:
        return _worker(data)
    if shape.status is not UNSET and bytes(shape.status) in {b'"succeeded"', b'"failed"'}:
        raise InvalidFieldError(
            "/lease", "is required and missing: only the worker that holds the job can end it so."
        )
    return _operator(data)


async def read_job(call: Call[None, JobQuery]) -> Answer:
    """A whole job, at once or when it has ended."""
    job_id = path_id(call.path["id"])
    found = await _find(call, job_id)
    if call.query.wait == "finished" and not _has_ended(found):
        found = await _wait_for_end(call, job_id, call.query.timeout)
    return Answer(200, answers.OnItsWay(job_id) if found is None else answers.whole(*found))


async def change_job(call: Call[WorkerUpdate | OperatorUpdate, NoQuery]) -> Answer:
    """A worker's update or an operator's change."""
    job_id = path_id(call.path["id"])
    if isinstance(call.body, WorkerUpdate):
        return await update_one(call, job_id, call.body)
    return await _change(call, job_id, partial(operate, job_id=job_id, order=_order(call.body)))


async def erase_job(call: Call[None, NoQuery]) -> Answer:
    """Erases what may be personal data and keeps the row."""
    job_id = path_id(call.path["id"])
    return await _change(call, job_id, partial(erase, job_id=job_id))


async def _change(
    call: Call[Any, NoQuery], job_id: str, verb: Callable[[Transaction], Effects]
) -> Answer:
    services = call.services
    services.outage.refuse_changes()
    try:
        await _require_on_job(call, job_id)
        at_ms = await services.announcer.before()
        effects = await services.store.write(verb)
    except NotFoundError as error:
        raise await not_found(call, job_id, error) from None
    # One that was under way as an outage began knows nothing of what was handed out since.
    if not services.outage.state.active:
        await services.announcer.announce(effects, at_ms)
    return Answer(200, answers.whole(*await services.store.read(partial(look_up, job_id=job_id))))


async def list_all(call: Call[None, JobsQuery]) -> Answer:
    """A page of jobs, newest first."""
    query = call.query
    require(call.caller, query.queue, Scope.READ)
    filters = Filters(
        query.queue,
        query.status,
        query.type,
        _bound(query.created_after, "created_after"),
        _bound(query.created_before, "created_before"),
        _SILENCED[query.silenced],
        query.error_contains,
    )
    before = None if query.next is None else paging.opened_id(query.next)
    verb = partial(list_jobs, filters=filters, before=before, limit=query.limit)
    page = await call.services.store.read(verb)
    jobs = [answers.summary(job) for job in page.jobs]
    return Answer(200, answers.JobPage(jobs, paging.sealed(page.next)))


def path_id(value: str) -> str:
    """The id in a path. Raises InvalidFieldError."""
    job_id = ids.parse(value)
    if job_id is None:
        raise InvalidFieldError("id", MEANINGS[ID_PATTERN])
    return job_id


def _bound(value: str | None, field: str) -> int | None:
    return None if value is None else decode.time(value, field)


async def _find(call: Call[None, JobQuery], job_id: str) -> Found | None:
    """The job, or None while it is on its way. Raises NotFoundError."""
    try:
        found = Found(*await call.services.store.read(partial(look_up, job_id=job_id)))
    except NotFoundError:
        if not await is_on_its_way(call, job_id):
            raise
        return None
    except UnavailableError as error:
        held = await redis_of(call, error).find(job_id)
        if held is None:
            if may_be_on_its_way(call, job_id):
                return None
            raise
        found = Found(job_of(held), [], stale=True)
    require(call.caller, found.job.queue, Scope.READ, Scope.PRODUCE)
    return found


def _has_ended(found: Found | None) -> bool:
    return found is not None and found.job.status in FINAL


async def _wait_for_end(call: Call[None, JobQuery], job_id: str, seconds: float) -> Found | None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    with call.services.hub.on_finished(job_id) as ended:
        # Looked up again once listening, so that an end in between is seen.
        while True:
            found = await _find(call, job_id)
            left = until - loop.time()
            if _has_ended(found) or left <= 0 or call.services.hub.closed:
                return found
            await _wait_for(ended, min(left, _ASK_AGAIN_SECONDS))


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _order(body: OperatorUpdate) -> Order:
    if all(getattr(body, name) is UNSET for name in body.__struct_fields__):
        raise InvalidFieldError(
            "", "names nothing to change; send status, silenced, priority or run_at."
        )
    return Order(
        None if body.status is UNSET else _MOVES[body.status],
        None if body.silenced is UNSET else body.silenced,
        None if body.priority is UNSET else body.priority,
        None if body.run_at is UNSET else floor_ms(decode.time(body.run_at, "/run_at")),
    )


async def _require_on_job(call: Call[Any, NoQuery], job_id: str) -> None:
    # Who may manage every queue needs no look-up of the job's.
    if not call.caller.allows(Scope.MANAGE, None):
        job, _ = await call.services.store.read(partial(look_up, job_id=job_id))
        require(call.caller, job.queue, Scope.MANAGE)


def _waiting(seconds: Callable[[JobQuery], float]) -> Callable[[object, JobQuery], float]:
    return lambda _body, query: seconds(query)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/jobs",
        list_all,
        "Lists jobs, newest first. A page may hold fewer jobs than `limit` and still have `next`.",
        {200: answers.JobPage},
        scope="read",
        query=JobsQuery,
    ),
    Operation(
        "GET",
        "/v1/jobs/{id}",
        read_job,
        "A whole job with its unsuccessful attempts.",
        {200: answers.JobView},
        scope="read or produce",
        query=JobQuery,
        refusals={404: "not_found"},
        patience=_waiting(lambda query: query.timeout if query.wait else 0.0),
    ),
    Operation(
        "PATCH",
        "/v1/jobs/{id}",
        change_job,
        "The status update: a worker's with `lease`, an operator's without.",
        {200: answers.JobView, 202: answers.Updated},
        scope="work with a lease, manage without",
        body=(WorkerUpdate, OperatorUpdate),
        reader=read_update,
        refusals={
            404: "not_found",
            409: "lease_expired, cancelled, stale_claim, not_running; running, wrong_status, "
            "not_yet_persisted",
        },
    ),
    Operation(
        "DELETE",
        "/v1/jobs/{id}",
        erase_job,
        "Erases payload, result, error and progress; keeps the row.",
        {200: answers.JobView},
        scope="manage",
        refusals={404: "not_found", 409: "running, not_yet_persisted"},
    ),
)
