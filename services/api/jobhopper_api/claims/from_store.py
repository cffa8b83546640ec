"""Claims in MySQL's own order, where there is no hopper."""

from collections.abc import Sequence
from functools import partial

from jobhopper_api.bridge import Store
from jobhopper_api.claims.unknown import UnknownClaims
from jobhopper_core.errors import OutcomeUnknownError
from jobhopper_core.model.job import Demand
from jobhopper_core.store.claim import Handout, Pick, claim, handed_out
from jobhopper_core.store.refill import Position

_TRIES_MORE = 3


class StoreClaims:
    """Takes the top picks straight from the database."""

    def __init__(self, store: Store, unknown: UnknownClaims) -> None:
        self._store = store
        self._unknown = unknown

    async def take(
        self, queue: str, demands: Sequence[Demand], at: Position | None = None
    ) -> Handout:
        """As `store.claim`. Raises UnavailableError when the database can't serve."""
        handout = await self._claim(queue, demands, at)
        for _ in range(_TRIES_MORE):
            if any(handout.jobs) or not handout.left:
                break
            # Others were quicker with all of these; there may be more behind them.
            handout = await self._claim(queue, demands, at)
        return handout

    async def _claim(self, queue: str, demands: Sequence[Demand], at: Position | None) -> Handout:
        picks: list[Pick] = []

        def tried(now: Sequence[Pick]) -> None:
            picks[:] = now

        try:
            return await self._store.write(
                partial(claim, queue=queue, demands=demands, at=at, tried=tried)
            )
        except OutcomeUnknownError:
            won = await self._unknown.won(tuple(picks))
            return Handout(handed_out(picks, won, len(demands)), left=True)
