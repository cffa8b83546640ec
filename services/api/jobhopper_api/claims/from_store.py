"""Claims in MySQL's own order, where there is no hopper."""

from collections.abc import Sequence
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_core.model.job import Demand
from jobhopper_core.store.claim import Handout, claim
from jobhopper_core.store.refill import Position

_TRIES_MORE = 3


class StoreClaims:
    """Takes the top picks straight from the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(
        self, queue: str, demands: Sequence[Demand], at: Position | None = None
    ) -> Handout:
        """As `store.claim`. Raises UnavailableError when the database can't serve."""
        verb = partial(claim, queue=queue, demands=demands, at=at)
        handout = await self._store.write(verb)
        for _ in range(_TRIES_MORE):
            if any(handout.jobs) or not handout.left:
                break
            # Others were quicker with all of these; there may be more behind them.
            handout = await self._store.write(verb)
        return handout
