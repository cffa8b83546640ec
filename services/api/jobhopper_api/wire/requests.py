"""The bodies that callers send. Unknown fields are refused."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobhopper_api.wire import fields
from jobhopper_core.model import access, limits


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """The root of all bodies."""


class NewJob(Body):
    """A job to be created. `payload` is any JSON, kept as it came."""

    queue: fields.QueueName
    type: fields.Name
    payload: fields.Payload | UnsetType = UNSET
    priority: fields.Priority = limits.PRIORITY_DEFAULT
    run_at: fields.Time | None = None
    max_attempts: fields.MaxAttempts | UnsetType = UNSET


class NewJobs(Body):
    """Jobs to be created together: all of them or none, in this order."""

    jobs: Annotated[list[NewJob], Meta(min_length=1, max_length=limits.BATCH_MAX)]


class Claim(Body):
    """What a worker asks for: up to `max` jobs, from the first queue named, then the next."""

    queues: Annotated[
        list[fields.QueueName],
        Meta(
            min_length=1,
            max_length=limits.CLAIM_QUEUES_MAX,
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    max: Annotated[int, Meta(ge=1, le=limits.CLAIM_MAX)] = 1
    lease: fields.LeaseSeconds | UnsetType = UNSET
    wait: fields.WaitSeconds = 0
    worker: fields.Name | None = None


# What may come with each status of a worker's update. Without a status it is a heartbeat.
GOES_WITH: dict[str | None, tuple[str, ...]] = {
    "succeeded": ("result", "progress"),
    "failed": ("error", "retry_in", "retry", "progress"),
    "queued": ("progress",),
    None: ("extend", "progress"),
}


class WorkerUpdate(Body):
    """A worker's update: the end of its attempt, or a heartbeat (`extend`, `progress`)."""

    lease: fields.Token
    status: Literal["succeeded", "failed", "queued"] | UnsetType = UNSET
    result: fields.Result | UnsetType = UNSET
    error: fields.Error | UnsetType = UNSET
    retry_in: fields.RetrySeconds | UnsetType = UNSET
    retry: bool | UnsetType = UNSET
    extend: fields.LeaseSeconds | UnsetType = UNSET
    progress: fields.Progress | UnsetType = UNSET


class BatchUpdate(WorkerUpdate, kw_only=True):
    """A worker's update among others: it names its job."""

    id: fields.JobId


class BatchUpdates(Body):
    """Worker updates, each judged alone."""

    updates: Annotated[list[BatchUpdate], Meta(min_length=1, max_length=limits.BATCH_MAX)]


class OperatorUpdate(Body):
    """An operator's change to a job: cancel (`cancelled`), redrive (`queued`), or its place."""

    status: Literal["cancelled", "queued"] | UnsetType = UNSET
    silenced: bool | UnsetType = UNSET
    priority: fields.Priority | UnsetType = UNSET
    run_at: fields.Time | UnsetType = UNSET


class BackoffChange(Body):
    """How long a failed job waits: `min(max, base * factor^(failures-1))`, ± `jitter` of it."""

    base: Annotated[float, Meta(ge=0, le=86_400)] | UnsetType = UNSET
    factor: Annotated[float, Meta(ge=1, le=100)] | UnsetType = UNSET
    max: Annotated[float, Meta(ge=0, le=limits.RETRY_IN_MAX)] | UnsetType = UNSET
    jitter: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET


class QueueChange(Body):
    """Settings of a queue; what is left out stays as it is. Times in seconds."""

    paused: bool | UnsetType = UNSET
    lease: fields.LeaseSeconds | UnsetType = UNSET
    max_attempts: fields.MaxAttempts | UnsetType = UNSET
    backoff: BackoffChange | UnsetType = UNSET
    silence_after: fields.SilenceAfter | UnsetType | None = UNSET


_Queues = Annotated[list[fields.QueuePattern], Meta(min_length=1, max_length=100)]


class Scopes(Body):
    """What a key may do: each scope with the queues it covers, by patterns. At least one."""

    produce: _Queues | UnsetType = UNSET
    work: _Queues | UnsetType = UNSET
    read: _Queues | UnsetType = UNSET
    manage: _Queues | UnsetType = UNSET
    admin: _Queues | UnsetType = UNSET

    def granted(self) -> dict[access.Scope, list[str]]:
        """The scopes that were named, in the order in which all of them stand."""
        found = {scope: getattr(self, scope.value) for scope in access.Scope}
        return {scope: queues for scope, queues in found.items() if queues is not UNSET}


class NewKey(Body):
    """An API key to be made."""

    name: fields.Name
    scopes: Annotated[Scopes, Meta(extra_json_schema={"minProperties": 1})]
