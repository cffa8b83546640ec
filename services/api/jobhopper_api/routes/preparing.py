"""What a create needs to know before its jobs can be accepted: settings of queues, the ids.

Only a request that is right in all its parts brings queues into being or takes an Idempotency-Key,
so both happen in one transaction. While MySQL is away Redis stands in for it.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from jobhopper_api.redis_side import RedisSide
from jobhopper_api.services import Services
from jobhopper_core.errors import UnavailableError
from jobhopper_core.hopper import idempotency
from jobhopper_core.model import ids
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.model.writes import Key
from jobhopper_core.store import queues
from jobhopper_core.store.idempotency import Reservation, reserve
from jobhopper_core.store.transaction import Transaction


class Wanted(NamedTuple):
    """The ids of new jobs, and the key that they are to be kept under, if any."""

    job_ids: Sequence[str]
    key: Reservation | None


class Ready(NamedTuple):
    """The settings of the queues; the ids of the jobs, which may be those of a known key.

    `unsure` are the queues of which nobody could say whether they exist; `key` is one that MySQL
    has to learn of.
    """

    settings: dict[str, QueueSettings]
    job_ids: Sequence[str]
    repeated: bool = False
    unsure: frozenset[str] = frozenset()
    key: Key | None = None


async def prepare(services: Services, names: Iterable[str], wanted: Wanted) -> Ready:
    """Prepares a create. Raises UnavailableError, or IdempotencyMismatchError."""
    settings = services.queues.known(names)
    new = [name for name in names if name not in settings]
    if not new and wanted.key is None:
        return Ready(settings, wanted.job_ids)
    earlier = await _earlier(services.redis, wanted.key)
    key = wanted.key if earlier is None else None
    try:
        read, first = await services.store.write(partial(_prepare, names=new, wanted=key))
    except UnavailableError:
        if services.redis is None:
            raise
        return await _without_mysql(services, services.redis, settings, new, wanted)
    for name, one in read.items():
        services.queues.note(name, one)
    await _note(services.redis, key, first)
    return _ready(settings | read, wanted, earlier or first)


def _prepare(
    tx: Transaction, names: Sequence[str], wanted: Reservation | None
) -> tuple[dict[str, QueueSettings], str | None]:
    settings = {name: queues.ensure(tx, name) for name in names}
    return settings, None if wanted is None else reserve(tx, wanted)


async def _without_mysql(
    services: Services,
    redis: RedisSide,
    settings: dict[str, QueueSettings],
    new: Sequence[str],
    wanted: Wanted,
) -> Ready:
    first = None
    if wanted.key is not None:
        _, stands = await redis.run(*idempotency.take(redis.names, wanted.key))
        first = idempotency.first_id(stands, wanted.key)
    unsure = set()
    for name in new:
        known = services.queues.remembered(name) or await redis.settings(name)
        if known is None:
            unsure.add(name)
        settings = settings | {name: known or QueueSettings()}
    ready = _ready(settings, wanted, first)
    return ready._replace(unsure=frozenset(unsure), key=_key(wanted.key))


def _key(wanted: Reservation | None) -> Key | None:
    return None if wanted is None else Key(wanted.digest.hex(), wanted.body.hex(), wanted.jobs)


def _ready(settings: dict[str, QueueSettings], wanted: Wanted, first: str | None) -> Ready:
    if first is None or first == wanted.job_ids[0]:
        return Ready(settings, wanted.job_ids)
    return Ready(settings, ids.series(first, len(wanted.job_ids)), repeated=True)


async def _earlier(redis: RedisSide | None, key: Reservation | None) -> str | None:
    """The first id of a key that was taken while MySQL was away, which never learnt of it."""
    if redis is None or key is None:
        return None
    try:
        reply = (await redis.run(idempotency.look(redis.names, key)))[0]
    except UnavailableError:
        return None
    return idempotency.first_id(reply, key)


async def _note(redis: RedisSide | None, key: Reservation | None, first: str | None) -> None:
    if redis is None or key is None or first is None:
        return
    try:
        await redis.run(idempotency.note(redis.names, key._replace(first_id=first)))
    except UnavailableError:
        # It stands in MySQL, which is asked first.
        return
