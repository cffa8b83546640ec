"""Whose of the hopper's jobs is whose: the n-th job goes to the n-th that was asked for."""

from collections.abc import Sequence

from jobhopper_core.hopper.offer import Held, claimed
from jobhopper_core.model.job import Demand
from jobhopper_core.store.claim import Pick, new_claim_ids


def picks_of(jobs: Sequence[Held], demands: Sequence[Demand], lease: int, now: int) -> list[Pick]:
    """The claims at `now` (µs) of `jobs` for `demands`; `lease` (µs) is the queue's own."""
    askers = [(i, demand) for i, demand in enumerate(demands) for _ in range(demand.jobs)]
    claim_ids = new_claim_ids(demands)
    return [
        Pick(i, demand.worker, claimed(job, claim_ids[i], now + _lease(demand, lease)))
        for job, (i, demand) in zip(jobs, askers, strict=False)
    ]


def _lease(demand: Demand, lease: int) -> int:
    return lease if demand.lease is None else demand.lease
