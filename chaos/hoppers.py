"""Whether the hoppers hold what MySQL says they should."""

import time
from typing import Any

import pymysql
import redis

from chaos.final import Row, rows
from jobhopper_core.hopper.commands import INFINITE
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import score
from jobhopper_core.store.mysql import connection_options
from stack.services import Stores

_LOOK_SECONDS = 0.5


def lasting_differences(stores: Stores, seconds: float, *, stale: bool) -> list[str]:
    """What differs between the hoppers and MySQL, and goes on to for `seconds`.

    The two can't be read at one moment, so what differs once may be on its way; what differs at
    every look is wrong. Without `stale` the hopper may hold too much: a job that was claimed or
    cancelled while Redis was away lies in it until a refill or a claim comes upon it.
    """
    until = time.monotonic() + seconds
    with (
        pymysql.connect(**connection_options(stores.mysql), autocommit=True) as connection,
        connection.cursor() as cursor,
        redis.Redis.from_url(stores.redis) as client,
    ):
        lasting = _differences(cursor, client, stale)
        while lasting and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            lasting &= _differences(cursor, client, stale)
    return sorted(lasting)


def _differences(cursor: Any, client: "redis.Redis", stale: bool) -> set[str]:
    found: set[str] = set()
    jobs = rows(cursor)
    for queue in {row.queue for row in jobs}:
        ready = [row for row in jobs if _is_ready(row) and row.queue == queue]
        found |= _of_queue(client, queue, ready, stale)
    return found


def _is_ready(row: Row) -> bool:
    return row.status == "queued" and not row.silenced


def _of_queue(client: Any, queue: str, ready: list[Row], stale: bool) -> set[str]:
    names = Names().of_queue(queue)
    held = {id_.decode(): int(place) for id_, place in client.zrange(names[0], 0, -1, False, True)}
    bound, bound_id = client.hmget(names[2], "score", "id")
    if bound is None:
        return {f"{queue}: the hopper has no horizon"}
    wanted = {
        row.id: score(row.priority, row.run_at)
        for row in ready
        if float(bound) >= INFINITE
        or (score(row.priority, row.run_at), row.id) < (int(float(bound)), bound_id.decode())
    }
    missing = {f"{queue}: {id_} is queued and not in the hopper" for id_ in wanted.keys() - held}
    extra = {f"{queue}: {id_} is in the hopper and not queued" for id_ in held.keys() - wanted}
    moved = {
        f"{queue}: {id_} stands at {held[id_]} in the hopper, at {wanted[id_]} in MySQL"
        for id_ in held.keys() & wanted
        if held[id_] != wanted[id_]
    }
    return missing | moved | (extra if stale else set())
