"""Whether the stores answer, probed now and then, for `/readyz`, `/v1/system` and metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jobhopper_api.bridge import Store
from jobhopper_api.telemetry import ApiMetrics

_PROBE_SECONDS = 2.0
_LATE_SECONDS = 1.0
# Asks a store once; raises when it does not answer.
Ask = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Standing:
    """Whether a store answers, and since when (µs) that has been so."""

    up: bool
    since: int


class Health:
    """What is known of each store, by name, and when the loop turned last."""

    def __init__(self, store: Store, asks: dict[str, Ask], metrics: ApiMetrics) -> None:
        self._store = store
        self._asks = asks
        self._gauge = metrics.store_up
        self.stores = {name: Standing(False, store.now()) for name in asks}
        self.turned = 0.0

    async def run(self) -> None:
        """Probes until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(_PROBE_SECONDS)

    async def probe(self) -> None:
        """Asks each store once."""
        await asyncio.gather(*[self._ask(name) for name in self._asks])
        self.turned = asyncio.get_running_loop().time()

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(_LATE_SECONDS):
                await self._asks[name]()
        except Exception:  # noqa: BLE001 - whatever it is, the store does not answer
            self._note(name, up=False)
        else:
            self._note(name, up=True)

    def _note(self, name: str, *, up: bool) -> None:
        if up != self.stores[name].up:
            self.stores[name] = Standing(up, self._store.now())
        self._gauge.labels(name).set(up)
