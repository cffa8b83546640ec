"""A set of services on given stores."""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

from stack.ports import free_port
from stack.process import Process

_BIN = Path(sys.executable).parent


class Stores(NamedTuple):
    """Where the stores are; empty: not configured."""

    mysql: str
    rabbitmq: str
    redis: str


def stores_of_environment() -> Stores:
    """Those that the environment names. Ends the process with a word when one is missing."""
    names = [f"JOBHOPPER_{store.upper()}_URL" for store in Stores._fields]
    if missing := [name for name in names if not os.environ.get(name)]:
        raise SystemExit(f'{missing[0]} is not set: first `eval "$(k8s/stores/up --direct)"`.')
    return Stores(*(os.environ[name] for name in names))


class Services:
    """APIs, consumers and refillers; a context that ends them all.

    `environment` goes to every process beside its settings.
    """

    def __init__(
        self,
        stores: Stores,
        apis: int = 1,
        consumers: int = 1,
        refillers: int = 1,
        shards: int = 4,
        first_port: int | None = None,
        key: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.key = key or f"jh_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
        self.stores = stores
        self._folder = tempfile.TemporaryDirectory(prefix="jobhopper-stack-")
        self._stack = ExitStack()
        self._common = {
            "JOBHOPPER_MYSQL_URL": stores.mysql,
            "JOBHOPPER_RABBITMQ_URL": stores.rabbitmq,
            "JOBHOPPER_REDIS_URL": stores.redis,
            "JOBHOPPER_SHARDS": str(shards),
            "JOBHOPPER_LOG_LEVEL": "info",
            **(environment or {}),
        }
        lease_keys = f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        self._api = {"JOBHOPPER_ADMIN_KEY": self.key, "JOBHOPPER_LEASE_KEYS": lease_keys}
        self.ports = [free_port() for _ in range(apis)]
        if first_port is not None:
            self.ports[0] = first_port
        self.apis = [self._new_api(i, port) for i, port in enumerate(self.ports)]
        self.consumers = [
            self._new("consumer", i, {"JOBHOPPER_REPLICA": str(i)}) for i in range(consumers)
        ]
        self.refillers = [self._new("refiller", i, {}) for i in range(refillers)]

    @property
    def all(self) -> list[Process]:
        """Every process."""
        return [*self.consumers, *self.refillers, *self.apis]

    @property
    def url(self) -> str:
        """Where the first API serves."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def __enter__(self) -> Self:
        migrate(self.stores.mysql)
        for one in self.all:
            one.start()
        try:
            for one in self.all:
                one.await_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def _end(self) -> None:
        for one in self.all:
            if one.alive:
                one.stop()
        self._folder.cleanup()

    def _new_api(self, number: int, port: int) -> Process:
        return self._new("api", number, {**self._api, "JOBHOPPER_LISTEN": f"127.0.0.1:{port}"})

    def _new(self, name: str, number: int, more: dict[str, str]) -> Process:
        probe = free_port()
        settings = {**self._common, **more, "JOBHOPPER_METRICS_LISTEN": f"127.0.0.1:{probe}"}
        log = Path(self._folder.name) / f"{name}-{number}.log"
        return Process(f"jobhopper-{name}", settings, log, probe)


def migrate(mysql: str) -> None:
    """Brings the database to this release's schema."""
    settings = {"JOBHOPPER_MYSQL_URL": mysql, "JOBHOPPER_LOG_LEVEL": "warning"}
    subprocess.run([_BIN / "jobhopper-migrate"], env=settings, check=True)
