"""The stores, for the tests of the stores themselves."""

from .fixtures import (  # noqa: F401 # fixtures are found by their names
    make_store,
    mariadb,
    mariadb_url,
    mysql,
    mysql_url,
    rabbitmq,
    rabbitmq_url,
    valkey,
    valkey_url,
)
