"""`/v1/queues`: settings, depths, and the top picks."""

import re
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from jobhopper_api.http.identity import require, require_somewhere
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.routes import paging
from jobhopper_api.routes.stale import job_of, redis_of
from jobhopper_api.wire import answers
from jobhopper_api.wire.fields import MEANINGS
from jobhopper_api.wire.queries import NoQuery, PageQuery, TopQuery
from jobhopper_api.wire.requests import QueueChange
from jobhopper_core.errors import InvalidFieldError, NotFoundError, UnavailableError
from jobhopper_core.model.access import Scope
from jobhopper_core.model.limits import QUEUE_PATTERN
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import counts, look_up, queues
from jobhopper_core.store.transaction import Transaction

_NAME = re.compile(QUEUE_PATTERN)


async def list_queues(call: Call[None, PageQuery]) -> Answer:
    """A page of the queues that the caller may read, by name."""
    require_somewhere(call.caller, Scope.READ)
    after = paging.opened_name(call.query.next)
    found = await call.services.store.read(
        partial(queues.page, after=after, limit=call.query.limit)
    )
    more = found[-1][0] if len(found) == call.query.limit else None
    readable = [(name, s) for name, s in found if call.caller.allows(Scope.READ, name)]
    views = await call.services.store.read(partial(_views, found=readable))
    return Answer(200, answers.QueuePage(views, paging.sealed_name(more)))


async def read_queue(call: Call[None, NoQuery]) -> Answer:
    """One queue."""
    name = _path_name(call, Scope.READ)
    return Answer(200, await call.services.store.read(partial(_view, name=name)))


async def change_queue(call: Call[QueueChange, NoQuery]) -> Answer:
    """Changes some settings of a queue, which is made when it is new."""
    name, services = _path_name(call, Scope.MANAGE), call.services
    values = {k: v for k, v in msgspec.structs.asdict(call.body).items() if v is not UNSET}
    settings = await services.store.write(partial(_change, name=name, values=values))
    services.queues.note(name, settings)
    await services.announcer.announce_settings(name, settings)
    return Answer(200, await services.store.read(partial(_view, name=name)))


async def delete_queue(call: Call[None, NoQuery]) -> Answer:
    """Deletes a queue that has no jobs."""
    name = _path_name(call, Scope.MANAGE)
    await call.services.store.write(partial(queues.delete, name=name))
    call.services.queues.forget(name)
    # Should it come back, nothing of it is remembered, a pause least of all.
    await call.services.announcer.announce_settings(name, QueueSettings())
    return Answer(204)


async def top(call: Call[None, TopQuery]) -> Answer:
    """Peeks at the top picks."""
    name = _path_name(call, Scope.READ)
    try:
        jobs = await call.services.store.read(partial(look_up.top, queue=name, n=call.query.n))
    except UnavailableError as error:
        held = await redis_of(call, error).top(name, call.query.n)
        stale = [answers.top_job(job_of(one)) for one in held]
        return Answer(200, answers.TopJobs(stale, stale=True))
    return Answer(200, answers.TopJobs([answers.top_job(job) for job in jobs]))


def _path_name(call: Call[Any, Any], scope: Scope) -> str:
    name = call.path["queue"]
    if not _NAME.search(name):
        raise InvalidFieldError("queue", MEANINGS[QUEUE_PATTERN])
    require(call.caller, name, scope)
    return name


def _change(tx: Transaction, name: str, values: dict[str, Any]) -> QueueSettings:
    if "backoff" in values:
        given = msgspec.structs.asdict(values["backoff"]).items()
        now = queues.ensure(tx, name).backoff
        values["backoff"] = msgspec.structs.replace(
            now, **{k: v for k, v in given if v is not UNSET}
        )
    return queues.change(tx, name, values)


def _view(tx: Transaction, name: str) -> answers.QueueView:
    settings = queues.read(tx, name)
    if settings is None:
        raise NotFoundError(f"There is no queue {name!r}; it is made by its first job or setting.")
    return _views(tx, [(name, settings)])[0]


def _views(tx: Transaction, found: list[tuple[str, QueueSettings]]) -> list[answers.QueueView]:
    depths = counts.depths(tx, [name for name, _ in found])
    now = tx.now()
    return [
        answers.QueueView(
            name=name,
            paused=settings.paused,
            lease=settings.lease,
            max_attempts=settings.max_attempts,
            backoff=settings.backoff,
            silence_after=settings.silence_after,
            depth=answers.Depths(**depths[name]),
            oldest_ready_age=_age(look_up.oldest_ready(tx, name), now),
        )
        for name, settings in found
    ]


def _age(since: int | None, now: int) -> float | None:
    return None if since is None else max(0, now - since) / SECOND


OPERATIONS = (
    Operation(
        "GET",
        "/v1/queues",
        list_queues,
        "Lists queues by name, with settings and depth.",
        {200: answers.QueuePage},
        scope="read",
        query=PageQuery,
    ),
    Operation(
        "GET",
        "/v1/queues/{queue}",
        read_queue,
        "A queue's settings, depth by status, and the age of its oldest ready job in seconds.",
        {200: answers.QueueView},
        scope="read",
        refusals={404: "not_found"},
    ),
    Operation(
        "PATCH",
        "/v1/queues/{queue}",
        change_queue,
        "Changes settings of a queue; what is left out stays as it is.",
        {200: answers.QueueView},
        scope="manage",
        body=(QueueChange,),
    ),
    Operation(
        "DELETE",
        "/v1/queues/{queue}",
        delete_queue,
        "Deletes a queue that has no jobs.",
        {204: None},
        scope="manage",
        refusals={404: "not_found", 409: "queue_not_empty"},
    ),
    Operation(
        "GET",
        "/v1/queues/{queue}/top",
        top,
        "Peeks at the jobs that would be claimed next.",
        {200: answers.TopJobs},
        scope="read",
        query=TopQuery,
    ),
)
