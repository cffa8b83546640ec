"""Empties the stores, so that a test or a measure begins with nothing."""

import pika
import pymysql
import redis

from jobhopper_core.broker.names import DEAD, Lane, queue_of
from jobhopper_core.model.limits import SHARDS_MAX
from jobhopper_core.store.mysql import connection_options
from stack.services import Stores


def empty(stores: Stores) -> None:
    """Drops all tables, queues and keys."""
    _empty_mysql(stores.mysql)
    if stores.rabbitmq:
        _empty_rabbitmq(stores.rabbitmq)
    if stores.redis:
        redis.Redis.from_url(stores.redis).flushall()


def _empty_mysql(url: str) -> None:
    with pymysql.connect(**connection_options(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (table,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {table}")


def _empty_rabbitmq(url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    names = [queue_of(lane, shard) for lane in Lane for shard in range(SHARDS_MAX)]
    for name in (*names[:16], *names[SHARDS_MAX : SHARDS_MAX + 16], DEAD):
        channel.queue_delete(name)
    connection.close()
