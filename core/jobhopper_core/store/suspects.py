"""Messages that came back after their consumer died, with how often.

A redelivered envelope may be what killed it. Before it is applied, its try is committed here;
its own transaction clears it. What kills three consumers goes to the dead-letter queue.
RabbitMQ's own counter can't tell: it rises for a whole window whenever a channel closes.
"""

import hashlib
import re

from jobhopper_core.store.transaction import Transaction

DEATHS_MAX = 3
_PLAIN = re.compile(r"[!-~]{1,64}")


def name_of(message_id: str, body: bytes) -> str:
    """What a message is known by here: its id, or a digest of its body where that is no plain one.

    Whoever sends a message by hand may give it none, or any.
    """
    return message_id if _PLAIN.fullmatch(message_id) else hashlib.sha256(body).hexdigest()


def accuse(tx: Transaction, message_id: str, lane: str, shard: int) -> int:
    """Notes a try; returns how many there were, with this one."""
    columns = ("message_id", "lane", "shard", "deaths", "seen_at")
    tx.insert_new("suspects", columns, [(message_id, lane, shard, 0, tx.now())])
    tx.run(
        "UPDATE suspects SET deaths = deaths + 1, seen_at = ? WHERE message_id = ?",
        (tx.now(), message_id),
    )
    rows = tx.read("SELECT deaths FROM suspects WHERE message_id = ?", (message_id,))
    deaths: int = rows[0][0]
    return deaths


def forgive(tx: Transaction, message_id: str) -> None:
    """Undoes a try that failed for a reason that is not the message's."""
    tx.run(
        "UPDATE suspects SET deaths = deaths - 1 WHERE message_id = ? AND deaths > 0",
        (message_id,),
    )


def clear(tx: Transaction, message_id: str) -> None:
    """The message was applied, or is in the dead-letter queue."""
    tx.run("DELETE FROM suspects WHERE message_id = ?", (message_id,))
