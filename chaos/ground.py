"""What a run stands on: three stores in containers of its own, and the services as processes."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self

from chaos import trail
from chaos.fault import SERVICES, STORES
from chaos.schedule import REPLICAS
from stack.containers.container import Container
from stack.containers.kinds import MYSQL, RABBITMQ, VALKEY
from stack.emptying import empty
from stack.process import Process
from stack.services import Services, Stores, migrate
from stack.wires import Wires


class Ground(ExitStack):
    """Stores and services that serve within the block; `environment` goes to every service.

    `containers`: stores that are there already, by name; they are emptied first. `wired`: the
    services reach the stores by wires that can be cut, which takes root (`stack.firewall`).
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        containers: Mapping[str, Container] | None = None,
        *,
        wired: bool = False,
    ) -> None:
        super().__init__()
        self._environment = environment
        self._wired = wired
        self.wires: Wires | None = None
        self.containers = dict(containers or {})
        self.processes: dict[str, Process] = {}
        # Who does something to a process holds its lock until it is as it was.
        self.locks: dict[str, threading.Lock] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def _start(self) -> None:
        new = not self.containers
        for kind in (MYSQL, RABBITMQ, VALKEY) if new else ():
            container = Container(kind)
            self.callback(container.remove)
            self.containers[kind.name] = container
        if new:
            # Side by side: each waits more than it works.
            with ThreadPoolExecutor() as pool:
                list(pool.map(Container.start, self.containers.values()))
        # Where they are, whatever befalls the wires.
        self.stores = Stores(*(self.containers[name].url for name in STORES))
        if not new:
            empty(self.stores)
        migrate(self.stores.mysql)
        trail.install(self.stores.mysql)
        if self._wired:
            self.wires = self.enter_context(Wires(*(self.containers[name] for name in STORES)))
        urls = self.stores if self.wires is None else self.wires.urls
        self.services = self.enter_context(
            Services(urls, REPLICAS, REPLICAS, REPLICAS, environment=self._environment)
        )
        groups = (self.services.apis, self.services.consumers, self.services.refillers)
        for service, group in zip(SERVICES, groups, strict=True):
            self.processes |= {f"{service}.{number}": one for number, one in enumerate(group)}
        self.locks = {name: threading.Lock() for name in self.processes}
