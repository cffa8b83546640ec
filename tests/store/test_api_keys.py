"""Stored API keys: only their hash, found by id."""

import pytest

from jobhopper_core.errors import NotFoundError
from jobhopper_core.model import access
from jobhopper_core.model.access import ApiKey, Scope
from jobhopper_core.store import api_keys

from .steps import START, Store


def add(store: Store, id_: str, scopes: dict[Scope, list[str]] | None = None) -> ApiKey:
    key = ApiKey(id_, f"key {id_}", scopes or {Scope.READ: ["*"]}, START)
    store.write(lambda tx: api_keys.add(tx, key, access.digest(f"jh_{id_}_secret")))
    return key


def test_a_key_is_found_by_its_id_with_its_hash(store: Store) -> None:
    scopes = {Scope.PRODUCE: ["mail.*", "sms"], Scope.WORK: ["*"]}
    key = add(store, "abc123", scopes)
    found = store.read(lambda tx: api_keys.look_up(tx, "abc123"))
    assert found == (key, access.digest("jh_abc123_secret"))
    assert found[0].allows(Scope.PRODUCE, "mail.x")


def test_an_unknown_id_finds_no_key(store: Store) -> None:
    add(store, "abc123")
    assert store.read(lambda tx: api_keys.look_up(tx, "abc124")) is None


def test_a_key_whose_id_is_taken_does_not_replace_the_first(store: Store) -> None:
    first = add(store, "abc123")
    add(store, "abc123", {Scope.ADMIN: ["*"]})
    assert store.read(lambda tx: api_keys.look_up(tx, "abc123"))[0] == first


def test_keys_are_listed_by_id_a_page_at_a_time(store: Store) -> None:
    keys = [add(store, id_) for id_ in ("bbb", "aaa", "ccc")]
    keys.sort(key=lambda key: key.id)
    assert store.read(lambda tx: api_keys.every(tx, "", 10)) == keys
    assert store.read(lambda tx: api_keys.every(tx, "", 2)) == keys[:2]
    assert store.read(lambda tx: api_keys.every(tx, "bbb", 2)) == keys[2:]


def test_a_deleted_key_is_gone_and_the_others_stay(store: Store) -> None:
    add(store, "aaa")
    kept = add(store, "bbb")
    store.write(lambda tx: api_keys.delete(tx, "aaa"))
    assert store.read(lambda tx: api_keys.every(tx, "", 10)) == [kept]
    with pytest.raises(NotFoundError):
        store.write(lambda tx: api_keys.delete(tx, "aaa"))
