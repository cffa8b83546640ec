"""A turn of each timer: all shards, a bounded piece of work, and whether more is left."""

from jobhopper_core.flows.timers import expire_straight, promote_due, sweep_keys
from jobhopper_core.model.states import Status
from jobhopper_core.store.idempotency import Reservation, reserve
from jobhopper_core.store.transaction import Transaction

from .steps import SECOND, SHARDS, START, Store


def test_a_turn_promotes_what_is_due_in_every_shard(store: Store) -> None:
    made = [store.create(f"q{n % 2}", run_at=START + SECOND) for n in range(40)]
    later = store.create(run_at=START + 9 * SECOND)
    store.clock.advance(1)
    turn = store.write(lambda tx: promote_due(tx, SHARDS))
    assert (turn.done, turn.again, turn.effects.ready) == (40, False, {"q0", "q1"})
    assert {store.job(id_).status for id_ in made} == {Status.QUEUED}
    assert store.job(later).status is Status.SCHEDULED


def test_a_turn_is_bounded_and_says_when_more_is_left(store: Store) -> None:
    ids = store.ids(700)  # of one shard
    store.apply(*(store.new(id=id_, run_at=START + SECOND) for id_ in ids))
    store.clock.advance(1)
    turns = [store.write(lambda tx: promote_due(tx, SHARDS)) for _ in range(3)]
    assert [(turn.done, turn.again) for turn in turns] == [(500, True), (200, False), (0, False)]


def test_a_lease_has_a_second_of_grace_for_the_update_that_is_under_way(store: Store) -> None:
    store.claimed("a", max_attempts=1)
    store.claimed("b")
    found = []
    for seconds in (60, 1, 0.000001):
        store.clock.advance(seconds)
        found.append(store.write(lambda tx: expire_straight(tx, SHARDS, lambda: 0.5)))
    assert [turn.done for turn in found] == [0, 0, 2]
    assert found[2].by_queue == {"a": 1, "b": 1}
    assert len(found[2].effects.finished) == 1
    assert not found[2].again


def test_a_turn_expires_a_bounded_number_of_leases(store: Store) -> None:
    store.apply(*(store.new(id=id_) for id_ in store.ids(700)))
    store.claim(700)
    store.clock.advance(90)
    turns = [store.write(lambda tx: expire_straight(tx, SHARDS, lambda: 0.5)) for _ in range(2)]
    assert [(turn.done, turn.again) for turn in turns] == [(500, True), (200, False)]


def test_old_keys_are_swept_in_bounded_pieces(store: Store) -> None:
    def keys(tx: Transaction) -> None:
        for n, id_ in enumerate(store.ids(600)):
            reserve(tx, Reservation(n.to_bytes(32, "big"), id_, 1, b"b" * 32))

    store.write(keys)
    assert store.write(sweep_keys).done == 0
    store.clock.advance(86_400)
    turns = [store.write(sweep_keys) for _ in range(2)]
    assert [(turn.done, turn.again) for turn in turns] == [(500, True), (100, False)]
