"""Whether the stores answer, probed now and then, for `/readyz`, `/v1/system` and metrics."""

import asyncio

from jobhopper_api.bridge import Store
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_core.store.transaction import Transaction

_PROBE_SECONDS = 2.0
_LATE_SECONDS = 1.0


class StoreHealth:
    """What is known of the database: up or not, since when (µs), and the loop's last turn."""

    def __init__(self, store: Store, name: str, metrics: ApiMetrics) -> None:
        self._store = store
        self.name = name
        self._gauge = metrics.store_up.labels(name)
        self.up = False
        self.since = store.now()
        self.turned = 0.0

    async def run(self) -> None:
        """Probes until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(_PROBE_SECONDS)

    async def probe(self) -> None:
        """Asks the database once, through the lane that commits."""
        try:
            async with asyncio.timeout(_LATE_SECONDS):
                await self._store.write(_ping)
            self._note(up=True)
        except Exception:  # noqa: BLE001 - whatever it is, the store does not answer
            self._note(up=False)
        self.turned = asyncio.get_running_loop().time()

    def _note(self, *, up: bool) -> None:
        if up != self.up:
            self.up, self.since = up, self._store.now()
        self._gauge.set(up)


def _ping(tx: Transaction) -> None:
    tx.read("SELECT 1")
