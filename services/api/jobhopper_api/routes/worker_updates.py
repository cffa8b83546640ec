"""A worker's updates: `PATCH /v1/jobs/{id}` with a lease, and `POST /v1/updates`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from jobhopper_api.http.identity import require
from jobhopper_api.http.problems import problem_of, status_of
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.telemetry import count
from jobhopper_api.wire import answers, decode, json_text
from jobhopper_api.wire.queries import NoQuery
from jobhopper_api.wire.requests import BatchUpdate, BatchUpdates, WorkerUpdate
from jobhopper_api.writes.path import Written
from jobhopper_core.errors import (
    InvalidFieldError,
    JobhopperError,
    LeaseLostError,
    NotFoundError,
    UnavailableError,
)
from jobhopper_core.leases.token import Lease
from jobhopper_core.model import limits
from jobhopper_core.model.access import Scope
from jobhopper_core.model.times import SECOND, to_text
from jobhopper_core.model.writes import Extend, Fail, Outcome, Release, Succeed, Update

AnyCall = Call[Any, Any]

_STATUS: dict[answers.Receipt, int] = {"rabbitmq": 202, "mysql": 200}
_STATUS_SET: dict[type[Update], str] = {
    Succeed: "succeeded",
    Fail: "failed",
    Release: "queued",
}
_LOST = {
    Outcome.STALE_CLAIM: "This claim has ended: the job was handed out again or is waiting for it. "
    "Stop working on it.",
    Outcome.CANCELLED: "The job was cancelled. Stop working on it.",
    Outcome.NOT_RUNNING: "The job has already ended. Stop working on it.",
}


class Accepted(NamedTuple):
    """An update that may be applied: the write, the lease it came with, and its new end."""

    write: Update
    lease: Lease
    until: int | None


def accept(call: AnyCall, job_id: str, update: WorkerUpdate) -> Accepted:
    """Checks an update without asking any store.

    Raises InvalidFieldError, LeaseInvalidError, LeaseLostError (expired), RequestError (scope).
    """
    services = call.services
    _check_combination(update)
    lease = services.signer.read(update.lease, job_id)
    require(call.caller, lease.queue, Scope.WORK)
    now = services.store.now()
    if lease.expires_at <= now:
        raise LeaseLostError(
            "lease_expired",
            f"The lease ended at {to_text(lease.expires_at)}. Stop working on the job; "
            "extend in time, and send the newest token.",
        )
    until = None if update.extend is UNSET else max(lease.expires_at, now + update.extend * SECOND)
    return Accepted(_write(update, lease, now, until), lease, until)


class Settled(NamedTuple):
    """Where an update is durable, or the error that it has to be answered with."""

    receipt: answers.Receipt
    error: JobhopperError | None


async def settle(call: AnyCall, accepted: Sequence[Accepted]) -> list[Settled]:
    """Makes accepted updates durable, in order."""
    written = await _written(call, [one.write for one in accepted])
    _count(call, accepted, written)
    return [
        Settled(how.receipt, _refusal(one, how.outcome, outage=call.services.outage.state.active))
        for one, how in zip(accepted, written, strict=True)
    ]


async def _written(call: AnyCall, updates: Sequence[Update]) -> list[Written]:
    services = call.services
    if not services.writes.brokered:
        return await services.writes.update(updates)
    ended = await services.revocation.of(updates)
    going = [update for update, end in zip(updates, ended, strict=True) if end is None]
    written = iter(await services.writes.update(going) if going else [])
    return [next(written) if end is None else Written("mysql", end) for end in ended]


async def update_one(call: AnyCall, job_id: str, update: WorkerUpdate) -> Answer:
    """A worker's update of one job."""
    accepted = accept(call, job_id, update)
    receipt, error = (await settle(call, [accepted]))[0]
    if error is not None:
        raise error
    return Answer(_STATUS[receipt], answers.Updated(job_id, receipt, _new_token(call, accepted)))


class Items(msgspec.Struct):
    """A batch of updates: each item read, or the error that it has to be answered with."""

    items: list[BatchUpdate | JobhopperError]
    names: list[str | None]


class _RawUpdates(msgspec.Struct, forbid_unknown_fields=True):
    updates: list[Raw]


class _Name(msgspec.Struct):
    id: str | None = None


_raw = decode.body_reader(_RawUpdates)
_item = decode.body_reader(BatchUpdate)
_name = decode.body_reader(_Name)


def read_batch(data: bytes) -> Items:
    """Reads the items one by one, so that one that is wrong does not spoil the others."""
    raw = _raw(data).updates
    if not 1 <= len(raw) <= limits.BATCH_MAX:
        raise InvalidFieldError("/updates", f"must have 1 to {limits.BATCH_MAX} items.")
    items = [_read_item(bytes(one)) for one in raw]
    return Items(items, [_named(item, bytes(one)) for item, one in zip(items, raw, strict=True)])


async def update_many(call: Call[Items, NoQuery]) -> Answer:
    """Worker updates, each judged alone."""
    results: list[answers.UpdatedOne | None] = [None] * len(call.body.items)
    going: list[tuple[int, Accepted]] = []
    for i, item in enumerate(call.body.items):
        try:
            going.append((i, accept(call, _id_of(item), _update_of(item))))
        except JobhopperError as error:
            results[i] = _refused(call.body.names[i], error)
    settled = await settle(call, [one for _, one in going]) if going else []
    for (i, one), (receipt, refusal) in zip(going, settled, strict=True):
        id_ = one.lease.job_id
        token = _new_token(call, one)
        done = answers.UpdatedOne(id_, _STATUS[receipt], receipt, token)
        results[i] = done if refusal is None else _refused(id_, refusal)
    return Answer(200, answers.UpdatedMany([one for one in results if one is not None]))


def _read_item(data: bytes) -> BatchUpdate | JobhopperError:
    try:
        return _item(data)
    except InvalidFieldError as error:
        return error


def _named(item: BatchUpdate | JobhopperError, data: bytes) -> str | None:
    if not isinstance(item, JobhopperError):
        return item.id
    try:
        return _name(data).id
    except InvalidFieldError:
        return None


def _update_of(item: BatchUpdate | JobhopperError) -> BatchUpdate:
    if isinstance(item, JobhopperError):
        raise item
    return item


def _id_of(item: BatchUpdate | JobhopperError) -> str:
    return _update_of(item).id.lower()


def _refused(id_: str | None, error: JobhopperError) -> answers.UpdatedOne:
    problem = problem_of(error)
    return answers.UpdatedOne(id_, status_of(error), code=problem.code, detail=problem.detail)


def _check_combination(update: WorkerUpdate) -> None:
    status = update.status
    only_with: tuple[tuple[str, object, str], ...] = (
        ("result", update.result, "succeeded"),
        ("error", update.error, "failed"),
        ("retry_in", update.retry_in, "failed"),
        ("retry", update.retry, "failed"),
    )
    for name, value, needed in only_with:
        if value is not UNSET and status != needed:
            raise InvalidFieldError(f"/{name}", f'goes with "status": "{needed}" alone.')
    if update.extend is not UNSET and status is not UNSET:
        raise InvalidFieldError("/extend", "goes without a status: the attempt is over with one.")
    if status is UNSET and update.extend is UNSET and update.progress is UNSET:
        raise InvalidFieldError("/status", "is missing; send a status, extend, or progress.")


def _write(update: WorkerUpdate, lease: Lease, now: int, until: int | None) -> Update:
    head = (lease.job_id, now, lease.claim_id, lease.attempt)
    progress = _text(update.progress, "/progress", limits.PROGRESS_MAX)
    match update.status:
        case "succeeded":
            return Succeed(*head, _text(update.result, "/result", limits.RESULT_MAX), progress)
        case "failed":
            error = _text(update.error, "/error", limits.ERROR_MAX)
            wait = None if update.retry_in is UNSET else int(update.retry_in * SECOND)
            return Fail(*head, error, wait, update.retry is not False, progress)
        case "queued":
            return Release(*head, progress)
        case _:
            return Extend(*head, until, progress)


def _text(value: Raw | UnsetType, field: str, size_max: int) -> str | None:
    return None if value is UNSET else json_text.checked(value, field, size_max)


def _refusal(one: Accepted, outcome: Outcome | None, *, outage: bool) -> JobhopperError | None:
    if outcome is None or outcome in {Outcome.APPLIED, Outcome.DUPLICATE}:
        return None
    if outcome is Outcome.AHEAD and outage:
        return UnavailableError("The claim has not reached the database yet; send it again.")
    if outcome is Outcome.AHEAD:
        # A database that was restored: it does not know of the claim and never will.
        outcome = Outcome.STALE_CLAIM
    if outcome is Outcome.NOT_FOUND:
        return NotFoundError(f"There is no job {one.lease.job_id}.")
    return LeaseLostError(outcome.value, _LOST[outcome])


def _new_token(call: AnyCall, one: Accepted) -> answers.LeaseToken | UnsetType:
    if one.until is None:
        return UNSET
    token = call.services.signer.sign(one.lease._replace(expires_at=one.until))
    return answers.LeaseToken(token, to_text(one.until))


def _count(call: AnyCall, accepted: Sequence[Accepted], written: Sequence[Written]) -> None:
    metrics = call.services.metrics
    applied, skipped = [], []
    for one, how in zip(accepted, written, strict=True):
        if how.outcome is None or how.outcome is Outcome.APPLIED:
            status = _STATUS_SET.get(type(one.write), "heartbeat")
            applied.append((metrics.label(one.lease.queue), status, how.receipt))
        elif how.outcome is not Outcome.DUPLICATE:
            skipped.append((how.outcome.value,))
    count(metrics.updates, applied)
    count(metrics.skipped, skipped)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/updates",
        update_many,
        "Up to 1,000 worker updates, each judged alone.",
        {200: answers.UpdatedMany},
        scope="work",
        body=(BatchUpdates,),
        reader=read_batch,
    ),
)
