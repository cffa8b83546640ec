"""The ways from the services to their stores, and the four faults that befall them.

Each store is reached by a Toxiproxy on a loopback address that this process alone uses. A test or
a chaos run tells a fault's name; what it does to the packets is real, nothing is a double.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol, Self
from urllib.parse import urlsplit, urlunsplit

from stack.firewall import Firewall
from stack.services import Stores
from stack.toxiproxy import Toxiproxy

# A slow network: so much longer there and back, and so many packets lost either way.
SLOW_SECONDS, SLOW_LOSS = 0.2, 0.05


class Store(Protocol):
    """A store that can be killed and started, as those of the tests' containers can."""

    @property
    def url(self) -> str:
        """Where it is, whatever befalls the wire."""

    def kill(self) -> None:
        """Ends it at once."""

    def start(self) -> None:
        """Starts it, and returns when it serves."""


class Wire:
    """The way to one store."""

    def __init__(
        self, name: str, store: Store, address: str, toxiproxy: Toxiproxy, firewall: Firewall
    ) -> None:
        self.name = name
        self.store = store
        self._address, self._toxiproxy, self._firewall = address, toxiproxy, firewall
        parts = urlsplit(store.url)
        port = toxiproxy.add(name, address, f"{parts.hostname}:{parts.port}")
        user, at, _ = parts.netloc.rpartition("@")
        self.url = urlunsplit(parts._replace(netloc=f"{user}{at}{address}:{port}"))

    @contextmanager
    def killed(self) -> Iterator[None]:
        """The store is killed: connections end, new ones are refused; after it, it serves."""
        self.store.kill()
        # Else the proxy would accept what the dead store can't.
        self._toxiproxy.enable(self.name, enabled=False)
        try:
            yield
        finally:
            self._toxiproxy.enable(self.name, enabled=True)
            self.store.start()

    def refused(self) -> AbstractContextManager[None]:
        """Every packet, of new connections and of old ones, is answered with a reset."""
        return self._firewall.refusing(self._address)

    def black_hole(self) -> AbstractContextManager[None]:
        """Every packet vanishes, either way."""
        return self._firewall.dropping(self._address)

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Everything takes 200 ms longer, and 5 % of the packets vanish on the way."""
        with (
            self._toxiproxy.delaying(self.name, SLOW_SECONDS),
            self._firewall.dropping(self._address, share=SLOW_LOSS),
        ):
            yield


FAULTS: dict[str, Callable[[Wire], AbstractContextManager[None]]] = {
    "killed": Wire.killed,
    "refused": Wire.refused,
    "black_hole": Wire.black_hole,
    "slow": Wire.slow,
}


class Wires(AbstractContextManager["Wires"]):
    """The ways to all three stores. Needs root: `firewall.why_not` says whether it can be."""

    def __init__(self, mysql: Store, rabbitmq: Store, redis: Store) -> None:
        self._stores = {"mysql": mysql, "rabbitmq": rabbitmq, "redis": redis}
        self._stack = ExitStack()
        self._wires: dict[str, Wire] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            firewall = stack.enter_context(Firewall())
            toxiproxy = stack.enter_context(Toxiproxy())
            network = f"127.{1 + secrets.randbelow(254)}.{1 + secrets.randbelow(254)}"
            for number, (name, store) in enumerate(self._stores.items(), 1):
                address = f"{network}.{number}"
                self._wires[name] = Wire(name, store, address, toxiproxy, firewall)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @property
    def urls(self) -> Stores:
        """Where the services are to look for the stores."""
        return Stores(*(self._wires[name].url for name in ("mysql", "rabbitmq", "redis")))

    @property
    def direct(self) -> Stores:
        """Where the stores are whatever befalls the wires."""
        return Stores(*(self._stores[name].url for name in ("mysql", "rabbitmq", "redis")))

    @contextmanager
    def fault(self, kind: str, *names: str) -> Iterator[None]:
        """A fault of `FAULTS` befalls the wires to the stores of these names, within the block."""
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(FAULTS[kind](self._wires[name]))
            yield
