"""What all processes of an install have to agree on: its facts, and the schema."""

import pytest

from jobhopper_core.errors import ConfigurationError, SchemaMismatchError
from jobhopper_core.store import meta
from jobhopper_core.store.database import Database
from jobhopper_migrator import migrate

from .steps import Store


def agree(store: Store, shards: int) -> None:
    store.write(lambda tx: meta.agree_on_shards(tx, shards))


def test_the_first_process_settles_the_number_of_shards(store: Store) -> None:
    agree(store, 4)
    agree(store, 4)


def test_a_process_that_was_told_another_number_of_shards_does_not_start(store: Store) -> None:
    agree(store, 4)
    with pytest.raises(ConfigurationError, match=r"JOBHOPPER_SHARDS is 8.*set it to 4"):
        agree(store, 8)
    agree(store, 4)


def test_a_fact_is_settled_by_whoever_comes_first(store: Store) -> None:
    assert store.write(lambda tx: meta.settle(tx, "lease_keys", "a")) == "a"
    assert store.write(lambda tx: meta.settle(tx, "lease_keys", "b")) == "a"
    assert store.write(lambda tx: meta.settle(tx, "other", "b")) == "b"


def test_migrating_again_changes_nothing(store: Store, database: Database) -> None:
    id_ = store.create()
    before = store.job(id_)
    migrate(database)
    migrate(database)
    assert store.job(id_) == before


@pytest.mark.parametrize("revision", ["9999", "from_the_future"])
def test_a_schema_that_a_newer_release_made_is_refused_and_left_alone(
    store: Store, database: Database, revision: str
) -> None:
    store.write(lambda tx: tx.run("UPDATE alembic_version SET version_num = ?", (revision,)))
    with pytest.raises(SchemaMismatchError, match=revision):
        migrate(database)
    found = store.read(lambda tx: tx.read("SELECT version_num FROM alembic_version"))
    assert [tuple(row) for row in found] == [(revision,)]
