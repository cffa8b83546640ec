"""Queues: their settings, how many there may be, their depths, and their end."""

import pytest

from jobhopper_core.errors import NotFoundError, QueueNotEmptyError, TooManyQueuesError
from jobhopper_core.model.queue import Backoff, QueueSettings
from jobhopper_core.model.states import Move
from jobhopper_core.model.writes import Succeed
from jobhopper_core.store import counts, queues
from jobhopper_core.store.database import Database
from jobhopper_core.store.transaction import Transaction

from .steps import SECOND, START, Store


def names(store: Store, after: str = "", limit: int = 2000) -> list[str]:
    return [name for name, _ in store.read(lambda tx: queues.page(tx, after, limit))]


def delete(store: Store, name: str) -> None:
    store.write(lambda tx: queues.delete(tx, name))


def test_a_new_queue_has_the_defaults(store: Store) -> None:
    settings = store.write(lambda tx: queues.ensure(tx, "mail"))
    assert settings == QueueSettings(
        paused=False,
        lease=60,
        max_attempts=5,
        backoff=Backoff(base=5.0, factor=2.0, max=3600.0, jitter=0.1),
        silence_after=30 * 86_400,
    )
    assert store.read(lambda tx: queues.read(tx, "mail")) == settings


def test_a_queue_that_nobody_named_does_not_exist(store: Store) -> None:
    assert store.read(lambda tx: queues.read(tx, "mail")) is None


def test_a_change_sets_what_it_names_and_leaves_the_rest(store: Store) -> None:
    store.set_queue("mail", lease=90, silence_after=None)
    changed = store.set_queue("mail", paused=True, backoff=Backoff(base=1.5))
    expected = QueueSettings(paused=True, lease=90, backoff=Backoff(base=1.5), silence_after=None)
    assert changed == expected
    assert store.read(lambda tx: queues.read(tx, "mail")) == expected
    # Being named again brings no defaults back.
    assert store.write(lambda tx: queues.ensure(tx, "mail")) == expected


def test_queue_names_differ_by_letter_case(store: Store) -> None:
    store.set_queue("mail", lease=1)
    store.set_queue("Mail", lease=2)
    store.create("MAIL")
    assert store.set_queue("mail").lease == 1
    assert store.set_queue("Mail").lease == 2
    assert (store.claim(queue="mail"), store.depths("mail")) == ([], {})


def test_queues_are_listed_by_name_a_page_at_a_time(store: Store) -> None:
    for name in ("b", "a.2", "c", "a.1"):
        store.set_queue(name)
    assert names(store) == ["a.1", "a.2", "b", "c"]
    assert names(store, limit=2) == ["a.1", "a.2"]
    assert names(store, after="a.2", limit=2) == ["b", "c"]
    assert names(store, after="c") == []


def test_an_install_holds_a_thousand_queues(store: Store) -> None:
    def fill(tx: Transaction) -> None:
        for n in range(1000):
            queues.ensure(tx, f"q{n}")

    store.write(fill)
    with pytest.raises(TooManyQueuesError):
        store.set_queue("one-more")
    with pytest.raises(TooManyQueuesError):
        store.claim(queue="one-more")
    assert len(names(store)) == 1000
    assert store.set_queue("q7", paused=True).paused  # one that exists may still change
    delete(store, "q7")
    assert store.set_queue("one-more") == QueueSettings()


def test_an_empty_queue_can_be_deleted_with_its_settings(store: Store) -> None:
    store.set_queue("mail", lease=90)
    delete(store, "mail")
    assert names(store) == []
    assert store.set_queue("mail") == QueueSettings()


def test_a_queue_that_has_lost_its_last_job_takes_its_counters_along(store: Store) -> None:
    store.create("mail")
    store.set_queue("mail")

    def prune(tx: Transaction) -> None:
        tx.run("DELETE FROM jobs")
        counts.add(tx, counts.Deltas({("mail", "queued"): -1}))

    store.write(prune)
    delete(store, "mail")
    assert store.read(lambda tx: tx.read("SELECT COUNT(*) FROM queue_counts"))[0][0] == 0


def test_a_queue_with_any_job_is_kept_finished_ones_too(store: Store) -> None:
    store.set_queue("mail")
    store.send(Succeed, store.claimed("mail"))
    with pytest.raises(QueueNotEmptyError):
        delete(store, "mail")
    assert names(store) == ["mail"]
    assert store.depths("mail") == {"succeeded": 1}


def test_a_queue_that_does_not_exist_cannot_be_deleted(store: Store) -> None:
    with pytest.raises(NotFoundError):
        delete(store, "mail")


def test_depths_follow_every_move(store: Store) -> None:
    def after(_step: object) -> dict[str, int]:
        return store.depths()

    assert after(store.create()) == {"queued": 1}
    (claimed,) = store.claim()
    assert after(claimed) == {"running": 1}
    later = store.create(run_at=START + SECOND)
    assert after(later) == {"running": 1, "scheduled": 1}
    assert after(store.operate(later, silenced=True)) == {"running": 1, "silenced": 1}
    assert after(store.operate(claimed.id, move=Move.CANCEL)) == {"cancelled": 1, "silenced": 1}
    assert after(store.operate(claimed.id, move=Move.REDRIVE)) == {"queued": 1, "silenced": 1}


def test_depths_name_every_queue_that_was_asked_for(store: Store) -> None:
    store.create("a")
    found = store.read(lambda tx: counts.depths(tx, ["a", "none"]))
    assert found == {"a": {"queued": 1}, "none": {}}


def test_each_process_counts_in_its_own_slot_and_readers_sum(
    store: Store, database: Database
) -> None:
    store.create()

    def elsewhere(tx: Transaction) -> None:
        other = Transaction(tx.connection, tx.dialect, slot=tx.slot + 5)
        store.applying(store.new())(other)

    store.write(elsewhere)
    assert store.depths() == {"queued": 2}
    slots = store.read(lambda tx: tx.read("SELECT slot, n FROM queue_counts ORDER BY slot"))
    assert [tuple(row) for row in slots] == [(0, 1), (5, 1)]
    store.claim(2)  # the slot that takes away need not be the one that added
    assert store.depths() == {"running": 2}
