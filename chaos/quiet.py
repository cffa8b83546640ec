"""Waits until nothing is on its way any more, and lets what is left be worked off."""

import threading
import time
from collections.abc import Callable

import pika
import pymysql

from chaos.board import PARKED, WORKED, Board
from chaos.ground import Ground
from chaos.held import Held, finish
from chaos.moment import seconds_of
from jobhopper_core.broker.names import DEAD
from jobhopper_core.broker.topology import queues
from jobhopper_core.store.mysql import connection_options
from stack.services import Stores

_SHARDS = 4
_LOOK_SECONDS = 0.3
_DRAINERS = 3


def await_applied(stores: Stores, seconds: float) -> bool:
    """Waits for ticks of now in every lane and shard: then everything sent before is applied."""
    now = time.time_ns() // 1000
    return _await(lambda: _oldest_tick(stores) > now, seconds)


def drain(board: Board, stores: Stores, seconds: float) -> int:
    """Works off all that can be worked off; returns how many jobs are left."""
    board.working.set()
    threads = [
        threading.Thread(target=_work_off, args=(board, f"drainer.{number}"), daemon=True)
        for number in range(_DRAINERS)
    ]
    for thread in threads:
        thread.start()
    _await(lambda: _unfinished(stores) == 0, seconds)
    board.working.clear()
    for thread in threads:
        thread.join()
    return _unfinished(stores)


def left_in_rabbitmq(ground: Ground, seconds: float) -> dict[str, int]:
    """Ends refillers and consumers, and returns how many messages are in which queue then.

    Without refillers no ticks come, so a consumer that works leaves nothing; what it would not
    acknowledge goes back when it ends, and is counted.
    """
    for one in ground.services.refillers:
        one.stop()
    _await(lambda: not any(depths(ground.stores).values()), seconds)
    for one in ground.services.consumers:
        one.stop()
    return {name: depth for name, depth in depths(ground.stores).items() if depth}


def depths(stores: Stores) -> dict[str, int]:
    """The messages that wait in each queue, but for dead letters."""
    connection = pika.BlockingConnection(pika.URLParameters(stores.rabbitmq))
    channel = connection.channel()
    names = [one.name for one in queues(_SHARDS) if one.name != DEAD]
    found = {name: channel.queue_declare(name, passive=True).method.message_count for name in names}
    connection.close()
    return found


def dead_letters(stores: Stores) -> list[str]:
    """What the dead-letter queue holds: each with its error; they stay there."""
    connection = pika.BlockingConnection(pika.URLParameters(stores.rabbitmq))
    channel = connection.channel()
    found: list[str] = []
    while True:
        method, properties, body = channel.basic_get(DEAD)
        if method is None:
            break
        found.append(f"{properties.headers}: {body.decode(errors='replace')[:500]}")
    connection.close()
    return found


def _work_off(board: Board, who: str) -> None:
    caller = board.caller(who)
    body = {"queues": [*WORKED, PARKED], "max": 20, "lease": 20, "wait": 1, "worker": who}
    while board.working.is_set():
        done = caller.call("claim", "POST", "/v1/claims", body, wait=1.0)
        for job in done.answer["jobs"] if done.status == 200 else []:
            token, end = job["lease"]["token"], seconds_of(job["lease"]["expires_at"])
            held = Held(job["id"], job["attempt"], token, token, end)
            finish(caller, held, status="succeeded", result=f"{who} {held.attempt} {token[-12:]}")
    caller.close()


def _oldest_tick(stores: Stores) -> int:
    return _number(stores, "SELECT COALESCE(MIN(tick), 0) FROM shards")


def _unfinished(stores: Stores) -> int:
    return _number(
        stores,
        "SELECT COUNT(*) FROM jobs "
        "WHERE silenced = 0 AND status IN ('scheduled', 'queued', 'running')",
    )


def _number(stores: Stores, sql: str) -> int:
    with (
        pymysql.connect(**connection_options(stores.mysql)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _await(done: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
