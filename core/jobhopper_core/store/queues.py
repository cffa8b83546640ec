"""Queues and their settings. A queue exists from its first job, setting or claim."""

from collections.abc import Sequence

import msgspec

from jobhopper_core.errors import NotFoundError, QueueNotEmptyError, TooManyQueuesError
from jobhopper_core.model.limits import QUEUES_MAX
from jobhopper_core.model.queue import Backoff, QueueSettings
from jobhopper_core.store.transaction import Transaction

_decoder = msgspec.json.Decoder(QueueSettings)


def ensure(tx: Transaction, name: str) -> QueueSettings:
    """The settings of `name`, which is made with the defaults when it is new.

    Raises TooManyQueuesError when the install is full.
    """
    settings = read(tx, name)
    if settings is not None:
        return settings
    if tx.read("SELECT COUNT(*) FROM queues")[0][0] >= QUEUES_MAX:
        raise TooManyQueuesError(
            "/queue",
            f"This install has {QUEUES_MAX} queues, the most it may have; "
            "delete an empty one or use one that exists.",
        )
    _write(tx, name, QueueSettings())
    return QueueSettings()


def admit(tx: Transaction, name: str) -> None:
    """Makes `name` with the defaults when it is new, however many there are: it has a job."""
    if read(tx, name) is None:
        _write(tx, name, QueueSettings())


def read(tx: Transaction, name: str) -> QueueSettings | None:
    """The settings of `name`, or None when there is no such queue."""
    rows = tx.read("SELECT settings FROM queues WHERE name = ?", (name,))
    return _decoder.decode(rows[0][0]) if rows else None


def page(tx: Transaction, after: str, limit: int) -> list[tuple[str, QueueSettings]]:
    """Up to `limit` queues by name, those behind the name `after`."""
    sql = "SELECT name, settings FROM queues WHERE name > ? ORDER BY name LIMIT ?"
    return [(name, _decoder.decode(settings)) for name, settings in tx.read(sql, (after, limit))]


def change(tx: Transaction, name: str, values: dict[str, object]) -> QueueSettings:
    """Sets some settings of `name`, making it when it is new; returns them all."""
    settings = msgspec.structs.replace(ensure(tx, name), **values)
    _write(tx, name, settings)
    return settings


def delete(tx: Transaction, name: str) -> None:
    """Removes a queue without jobs.

    Raises NotFoundError, or QueueNotEmptyError when any job names it, finished ones too.
    """
    if read(tx, name) is None:
        raise NotFoundError(f"There is no queue {name!r}.")
    if tx.read("SELECT 1 FROM jobs WHERE queue = ? LIMIT 1", (name,)):
        raise QueueNotEmptyError(
            f"Queue {name!r} has jobs (finished ones count); it can be deleted once it has none."
        )
    tx.run("DELETE FROM queue_counts WHERE queue = ?", (name,))
    tx.run("DELETE FROM queues WHERE name = ?", (name,))


def backoffs(tx: Transaction, names: Sequence[str]) -> dict[str, Backoff]:
    """The backoff of each of `names`; the default where a queue was deleted meanwhile."""
    found = dict.fromkeys(names, Backoff())
    for name, settings in tx.read_in("SELECT name, settings FROM queues", "name", names):
        found[name] = _decoder.decode(settings).backoff
    return found


def _write(tx: Transaction, name: str, settings: QueueSettings) -> None:
    now = tx.now()
    text = msgspec.json.encode(settings).decode()
    row = (name, int(settings.paused), text, now, now)
    columns = ("name", "paused", "settings", "created_at", "updated_at")
    if tx.insert_new("queues", columns, [row]) == 0:
        tx.update_matching(
            "queues", columns[1:3] + columns[4:], ("name",), [(*row[1:3], now, name)]
        )
