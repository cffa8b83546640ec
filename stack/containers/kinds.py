"""What sets the four stores apart: image, settings, and how one sees that a store serves.

The settings are those of `make stores`. Sizes are smaller, and commits are not forced to the disk:
what a store wrote outlives its own death all the same, since the kernel's cache does.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from .docker import K8S

SECRET = "test"
_LIGHT = ("--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--innodb-buffer-pool-size=192M")


@dataclass(frozen=True)
class Kind:
    """One store: `image` names a line of k8s/images.env, `settings` a file of k8s/stores."""

    name: str
    image: str
    settings: str
    settings_at: str
    port: int
    url: str
    greets: Callable[[socket.socket], bool]
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def _mysql_greets(connection: socket.socket) -> bool:
    # A handshake of protocol 10 after the four bytes of a packet's head; a refusal begins with 255.
    head = connection.recv(5)
    return head[4:] == b"\x0a"


def _rabbitmq_greets(connection: socket.socket) -> bool:
    connection.sendall(b"AMQP\x00\x00\x09\x01")
    # A frame of kind 1, a method: the server's Connection.Start.
    return connection.recv(1) == b"\x01"


def _valkey_greets(connection: socket.socket) -> bool:
    connection.sendall(b"PING\r\n")
    # While it loads its data it answers with an error.
    return connection.recv(5) == b"+PONG"


def _environment(**values: str) -> tuple[str, ...]:
    return tuple(word for name, value in values.items() for word in ("--env", f"{name}={value}"))


def _environment_of(name: str) -> tuple[str, ...]:
    """What a file of k8s/stores sets."""
    lines = (K8S / "stores" / name).read_text().splitlines()
    return tuple(word for line in lines if line[:1] != "#" for word in ("--env", line))


MYSQL = Kind(
    name="mysql",
    image="MYSQL_IMAGE",
    settings="mysql.cnf",
    settings_at="/etc/mysql/conf.d/jobhopper.cnf",
    port=3306,
    url="mysql://root:" + SECRET + "@127.0.0.1:{port}/jobhopper",
    greets=_mysql_greets,
    options=_environment(
        MYSQL_ROOT_PASSWORD=SECRET, MYSQL_DATABASE="jobhopper", MYSQL_INITDB_SKIP_TZINFO="1"
    ),
    command=(*_LIGHT, "--innodb-redo-log-capacity=128M"),
)
MARIADB = Kind(
    name="mariadb",
    image="MARIADB_IMAGE",
    settings="mariadb.cnf",
    settings_at="/etc/mysql/conf.d/jobhopper.cnf",
    port=3306,
    url="mysql://root:" + SECRET + "@127.0.0.1:{port}/jobhopper",
    greets=_mysql_greets,
    options=_environment(
        MARIADB_ROOT_PASSWORD=SECRET, MARIADB_DATABASE="jobhopper", MARIADB_INITDB_SKIP_TZINFO="1"
    ),
    command=_LIGHT,
)
RABBITMQ = Kind(
    name="rabbitmq",
    image="RABBITMQ_IMAGE",
    settings="rabbitmq.conf",
    settings_at="/etc/rabbitmq/conf.d/50-jobhopper.conf",
    port=5672,
    url="amqp://test:" + SECRET + "@127.0.0.1:{port}/",
    greets=_rabbitmq_greets,
    options=(
        *_environment(RABBITMQ_DEFAULT_USER="test", RABBITMQ_DEFAULT_PASS=SECRET),
        *_environment_of("rabbitmq.env"),
    ),
)
VALKEY = Kind(
    name="valkey",
    image="VALKEY_IMAGE",
    settings="valkey.conf",
    settings_at="/etc/valkey.conf",
    port=6379,
    url="redis://127.0.0.1:{port}/0",
    greets=_valkey_greets,
    command=("/etc/valkey.conf",),
)
