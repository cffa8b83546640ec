"""The parameters of each call's query string. Unknown ones are refused."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from jobhopper_api.wire import fields
from jobhopper_core.model import limits


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A call without parameters; the root of those that have some."""


class CreateQuery(NoQuery):
    """`wait=persisted` answers once the jobs are in the database, or after `timeout` seconds."""

    wait: Literal["persisted"] | None = None
    timeout: fields.WaitSeconds = 5


class JobQuery(NoQuery):
    """`wait=finished` answers once the job has ended, or after `timeout` seconds."""

    wait: Literal["finished"] | None = None
    timeout: fields.WaitSeconds = limits.TIMEOUT_DEFAULT


class JobsQuery(NoQuery):
    """What a list of jobs is narrowed to, and which page of it."""

    queue: fields.QueueName | None = None
    status: fields.StatusName | None = None
    type: fields.Name | None = None
    created_after: fields.Time | None = None
    created_before: fields.Time | None = None
    silenced: Literal["false", "true", "any"] = "false"
    error_contains: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    limit: fields.Limit = limits.LIST_DEFAULT
    next: fields.JobCursor | None = None


class TopQuery(NoQuery):
    """How many top picks to peek at."""

    n: Annotated[int, Meta(ge=1, le=limits.TOP_MAX)] = limits.TOP_DEFAULT


class DeadQuery(NoQuery):
    """How many dead letters to look at."""

    limit: fields.Limit = limits.LIST_DEFAULT


class PageQuery(NoQuery):
    """Which page of a list."""

    limit: fields.Limit = limits.LIST_DEFAULT
    next: fields.NameCursor | None = None
