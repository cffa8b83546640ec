"""Messages that came back after their consumer died, with how often.

A redelivered envelope may be what killed it. Before it is applied, its try is committed here;
its own transaction clears it. What came back is tried together first, since most consumers die of
something else; where one in a batch has a death to its name, each of that batch goes alone. What
kills three consumers goes to the dead-letter queue. RabbitMQ's own counter can't tell: it rises for
a whole window whenever a channel closes.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from jobhopper_core.store.transaction import Transaction

DEATHS_MAX = 3
_PLAIN = re.compile(r"[!-~]{1,64}")


class Suspect(NamedTuple):
    """A message to beware of, and where it came from."""

    name: str
    lane: str
    shard: int


def name_of(message_id: str, body: bytes) -> str:
    """What a message is known by here: its id, or a digest of its body where that is no plain one.

    Whoever sends a message by hand may give it none, or any.
    """
    return message_id if _PLAIN.fullmatch(message_id) else hashlib.sha256(body).hexdigest()


def accuse(tx: Transaction, messages: Sequence[Suspect]) -> int:
    """Notes a try of all of `messages`; returns the most tries one of them had, with this one."""
    columns = ("message_id", "lane", "shard", "deaths", "seen_at")
    now = tx.now()
    rows = [(one.name, one.lane, one.shard, 0, now) for one in sorted(set(messages))]
    tx.insert_new("suspects", columns, rows)
    names = [row[0] for row in rows]
    changed = "UPDATE suspects SET deaths = deaths + 1, seen_at = ?"
    tx.run_in(changed, "message_id", names, parameters=(now,))
    return _most_deaths(tx, names)


def accuse_together(tx: Transaction, messages: Sequence[Suspect]) -> bool:
    """Notes a try of all of `messages` at once.

    Unless a consumer died of one of them before: then nothing is noted, and False returned.
    """
    if _most_deaths(tx, [one.name for one in messages]):
        return False
    accuse(tx, messages)
    return True


def _most_deaths(tx: Transaction, names: Sequence[str]) -> int:
    rows = tx.read_in("SELECT deaths FROM suspects", "message_id", names)
    return max((row[0] for row in rows), default=0)


def forgive(tx: Transaction, names: Sequence[str]) -> None:
    """Undoes a try that failed for a reason that is not the messages'."""
    changed = "UPDATE suspects SET deaths = deaths - 1"
    tx.run_in(changed, "message_id", names, " AND deaths > 0")


def clear(tx: Transaction, names: Sequence[str]) -> None:
    """The messages were applied, or are in the dead-letter queue."""
    tx.run_in("DELETE FROM suspects", "message_id", names)
