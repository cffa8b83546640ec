"""Facts about the install that every process has to agree on."""

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.store.transaction import Transaction


def settle(tx: Transaction, name: str, value: str) -> str:
    """The value of `name`: the stored one, or `value`, which is then stored."""
    tx.insert_new("meta", ("name", "value"), [(name, value)])
    found: str = tx.read("SELECT value FROM meta WHERE name = ?", (name,))[0][0]
    return found


def agree_on_shards(tx: Transaction, shards: int) -> None:
    """Makes sure that this install has `shards` shards. Raises ConfigurationError."""
    check_shards(shards, settle(tx, "shards", str(shards)))


def check_shards(shards: int, settled: str) -> None:
    """Raises ConfigurationError unless `shards` is what was settled."""
    if settled != str(shards):
        raise ConfigurationError(
            f"JOBHOPPER_SHARDS is {shards}, but this database was set up with {settled}; "
            f"set it to {settled}."
        )
