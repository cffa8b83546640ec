"""Whether the stores answer, probed all the time, for `/readyz`, `/v1/system` and metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jobhopper_api.bridge import Store
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_core.breaker import State

_PROBE_SECONDS = 1.0
# While a store is away, how soon it is found again is what its users wait for.
_SOON_SECONDS = 0.3
_LATE_SECONDS = 1.0


class Ask(NamedTuple):
    """How a store is asked once (raises when it does not answer), and its breaker's state."""

    ask: Callable[[], Awaitable[None]]
    breaker: Callable[[], State]


@dataclass(slots=True)
class Standing:
    """Whether a store answers, and since when (µs) that has been so."""

    up: bool
    since: int


class Health:
    """What is known of each store, by name, and when the loop turned last."""

    def __init__(self, store: Store, asks: Mapping[str, Ask], metrics: ApiMetrics) -> None:
        self._store = store
        self._asks = asks
        self._metrics = metrics
        self.stores = {name: Standing(False, store.now()) for name in asks}
        self.turned = 0.0

    async def run(self) -> None:
        """Probes until cancelled."""
        while True:
            await self.probe()
            await self._rest()

    async def probe(self) -> None:
        """Asks each store once."""
        self._store.doubted.clear()
        await asyncio.gather(*[self._ask(name) for name in self._asks])
        self.turned = asyncio.get_running_loop().time()

    def breaker(self, name: str) -> State:
        """The state of a store's breaker."""
        return self._asks[name].breaker()

    async def _rest(self) -> None:
        if not all(one.up for one in self.stores.values()):
            await asyncio.sleep(_SOON_SECONDS)
            return
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._store.doubted.wait()
        except TimeoutError:
            return

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(_LATE_SECONDS):
                await self._asks[name].ask()
        except Exception:  # noqa: BLE001 - whatever it is, the store does not answer
            self._note(name, up=False)
        else:
            self._note(name, up=True)

    def _note(self, name: str, *, up: bool) -> None:
        if up != self.stores[name].up:
            self.stores[name] = Standing(up, self._store.now())
        self._metrics.store_up.labels(name).set(up)
        self._metrics.breaker_open.labels(name).set(self.breaker(name) is not State.CLOSED)
