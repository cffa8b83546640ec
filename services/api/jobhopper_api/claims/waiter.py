"""A worker that waits for jobs."""

import asyncio
from collections.abc import Callable

from jobhopper_core.model.job import ClaimedJob, Demand


class Waiter:
    """One claim under way. Only one dispatcher at a time may serve it (`busy`)."""

    def __init__(self, demand: Demand, *, patient: bool) -> None:
        self.demand = demand
        # A patient waiter stays until there is something for it; others take what there is.
        self.patient = patient
        self.busy = False
        self.answer: asyncio.Future[list[ClaimedJob]] = asyncio.get_running_loop().create_future()
        # Dispatchers that passed it over because another was serving it.
        self.passed_over: set[Callable[[], None]] = set()

    @property
    def open(self) -> bool:
        """Whether a dispatcher may serve it now."""
        return not self.busy and not self.answer.done()

    def expire(self) -> None:
        """Its time is up: it is answered now, or by the dispatcher that is serving it."""
        self.patient = False
        if self.open:
            self.answer.set_result([])

    def do_without(self) -> None:
        """There is nothing for it now: it is answered unless it is patient."""
        if self.open and not self.patient:
            self.answer.set_result([])

    def settle(self, jobs: list[ClaimedJob]) -> bool:
        """Ends one dispatcher's turn with `jobs`; False when nobody is there to take them."""
        self.busy = False
        if self.answer.done():
            return False
        if jobs or not self.patient:
            self.answer.set_result(jobs)
        else:
            passed_over, self.passed_over = self.passed_over, set()
            for wake in passed_over:
                wake()
        return True
