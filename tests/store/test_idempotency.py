"""Idempotency keys: for a day, a key stands for the ids and the body that it came with first."""

import hashlib

import pytest

from jobhopper_core.errors import IdempotencyMismatchError
from jobhopper_core.store.idempotency import Reservation, reserve, sweep
from jobhopper_core.store.transaction import Transaction

from .steps import START, Store

DAY = 86_400


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def wanted(store: Store, key: str = "order-1", body: str = "{}") -> Reservation:
    return Reservation(digest(key), store.ids(1)[0], 3, digest(body))


def ask(store: Store, reservation: Reservation) -> str:
    return store.write(lambda tx: reserve(tx, reservation))


def left(store: Store) -> int:
    return store.read(lambda tx: tx.read("SELECT COUNT(*) FROM idempotency_keys"))[0][0]


def test_a_new_key_gets_the_ids_it_came_with(store: Store) -> None:
    reservation = wanted(store)
    assert ask(store, reservation) == reservation.first_id


def test_a_repeat_gets_the_ids_of_the_first(store: Store) -> None:
    first = ask(store, wanted(store))
    store.clock.advance(DAY - 1)
    assert ask(store, wanted(store)) == first


def test_different_keys_have_nothing_to_do_with_each_other(store: Store) -> None:
    assert ask(store, wanted(store, "a")) != ask(store, wanted(store, "b"))


def test_a_key_with_another_body_is_refused_and_the_first_stays(store: Store) -> None:
    first = ask(store, wanted(store))
    with pytest.raises(IdempotencyMismatchError) as raised:
        ask(store, wanted(store, body='{"other": 1}'))
    assert (raised.value.field, raised.value.code) == ("Idempotency-Key", "idempotency_mismatch")
    assert ask(store, wanted(store)) == first


@pytest.mark.parametrize(("age", "forgotten"), [(DAY - 0.000001, False), (DAY, True)])
def test_a_key_is_forgotten_after_a_day(store: Store, age: float, forgotten: bool) -> None:
    first = ask(store, wanted(store))
    store.clock.advance(age)
    again = wanted(store)
    assert ask(store, again) == (again.first_id if forgotten else first)


def test_a_key_that_was_forgotten_takes_another_body(store: Store) -> None:
    ask(store, wanted(store))
    store.clock.advance(DAY)
    other = wanted(store, body="other")
    assert ask(store, other) == other.first_id
    # And stands for that one from now on, for another day.
    store.clock.advance(DAY - 1)
    assert ask(store, wanted(store, body="other")) == other.first_id


def test_a_refused_create_leaves_its_key_free(store: Store) -> None:
    """The key and the jobs are one transaction."""
    first = wanted(store)

    def verb(tx: Transaction) -> None:
        reserve(tx, first)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(verb)
    second = wanted(store)
    assert ask(store, second) == second.first_id


def test_the_sweep_deletes_what_is_past_its_time_oldest_first_up_to_its_limit(
    store: Store,
) -> None:
    for n in range(5):
        ask(store, wanted(store, f"old-{n}"))
        store.clock.advance(1)
    store.clock.now = START + (DAY + 3) * 1_000_000
    fresh = ask(store, wanted(store, "fresh"))
    swept = [store.write(lambda tx: sweep(tx, 3)) for _ in range(3)]
    assert swept == [3, 1, 0]
    assert left(store) == 2
    assert ask(store, wanted(store, "fresh")) == fresh
    assert ask(store, wanted(store, "old-4")) < fresh
