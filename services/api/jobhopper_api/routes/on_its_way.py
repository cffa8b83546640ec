"""A job without a row may be on its way through RabbitMQ; its id and the ticks tell."""

from functools import partial
from typing import Any

from jobhopper_api.operations import Call
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import ConflictError, NotFoundError
from jobhopper_core.model import ids
from jobhopper_core.store.shards import newest_tick

_AHEAD_MS = 10_000
_BEHIND_MS = 10_000


class NotYetPersistedError(ConflictError):
    """The job was accepted and is not in the database yet; try again in a second."""

    code = "not_yet_persisted"


async def is_on_its_way(call: Call[Any, Any], job_id: str) -> bool:
    """Whether a job that has no row may have been accepted.

    Its time is no more than 10 s ahead, and later than the newest tick that its shard has
    applied less 10 s: what was accepted before that tick would be in the database.
    """
    services = call.services
    if not services.writes.brokered:
        return False
    made = ids.unix_ms(job_id)
    if made > services.store.now() // 1000 + _AHEAD_MS:
        return False
    shard = ids.shard(job_id, services.facts.shards)
    verb = partial(newest_tick, lane=Lane.CREATES.value, shard=shard)
    return made > await services.store.read(verb) // 1000 - _BEHIND_MS


def may_be_on_its_way(call: Call[Any, Any], job_id: str) -> bool:
    """As `is_on_its_way`, by what was last seen of the ticks: for while MySQL is away."""
    services = call.services
    if not services.writes.brokered or services.sight is None:
        return False
    made = ids.unix_ms(job_id)
    tick = services.sight.tick(Lane.CREATES, ids.shard(job_id, services.facts.shards))
    ahead = services.store.now() // 1000 + _AHEAD_MS
    return tick // 1000 - _BEHIND_MS < made <= ahead


async def not_found(call: Call[Any, Any], job_id: str, error: NotFoundError) -> Exception:
    """What an operator's call on a job without a row is answered with."""
    if await is_on_its_way(call, job_id):
        return NotYetPersistedError(f"Job {job_id} is accepted and not in the database yet.")
    return error
