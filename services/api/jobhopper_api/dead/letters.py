"""The event loop's way to the dead letters; each call is a visit, on a thread."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

from pika.exceptions import NackError, UnroutableError

from jobhopper_api.dead.letter import Letter
from jobhopper_api.dead.visit import Found, Visit, visiting
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_core.broker.connect import AWAY, parameters
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import (
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    UnknownOriginError,
)

T = TypeVar("T")
_log = logging.getLogger(__name__)

# A visit looks for so long; what it has begun then may take until nobody waits any more, which is
# below the deadline of a request.
_LOOK_SECONDS = 2.0
_WAIT_SECONDS = 2.5
_THREADS = 2


class Look(NamedTuple):
    """The letters that were seen, and whether others wait behind them."""

    letters: list[Letter]
    more: bool


class DeadLetters:
    """What operators do with them. `url` is RabbitMQ's."""

    def __init__(self, url: str, metrics: ApiMetrics) -> None:
        self._parameters = parameters(url)
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(_THREADS, "dead-letters")

    async def look(self, limit: int, shows: Callable[[Letter], bool]) -> Look:
        """Up to `limit` of the letters that `shows` lets through. Raises UnavailableError."""
        late = UnavailableError("RabbitMQ did not answer in time; try again.")
        return await self._visit(partial(_look, limit=limit, shows=shows), late)

    async def resend(self, id_: str, check: Callable[[Letter], None]) -> tuple[Lane, int]:
        """Sends a letter back to the lane and shard that it came from, which are returned.

        `check` raises if the caller may not. Raises NotFoundError, UnknownOriginError,
        UnavailableError, or OutcomeUnknownError: then it may be in both places.
        """
        return await self._visit(partial(self._resend, id_=id_, check=check), _unknown())

    async def drop(self, id_: str, check: Callable[[Letter], None]) -> None:
        """Takes a letter out for good. Raises as `resend` does."""
        await self._visit(partial(self._drop, id_=id_, check=check), _unknown())

    async def _visit(self, work: Callable[[Visit], T], late: UnavailableError) -> T:
        call: Future[T] = Future()
        self._threads.submit(self._run, work, time.monotonic() + _LOOK_SECONDS, call)
        answer = asyncio.wrap_future(call)
        try:
            await asyncio.wait((answer,), timeout=_WAIT_SECONDS)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        if answer.done():
            return answer.result()
        answer.add_done_callback(_hear)
        if call.cancel():
            raise UnavailableError("Too many calls wait for the dead letters; try again.")
        raise late

    def _run(self, work: Callable[[Visit], T], until: float, call: "Future[T]") -> None:
        if not call.set_running_or_notify_cancel():
            return
        try:
            with visiting(self._parameters, until) as visit:
                # The end of the visit is nothing to wait for.
                call.set_result(work(visit))
        except Exception as error:  # noqa: BLE001 - whoever waits has to be told of anything
            if not call.done():
                call.set_exception(_told(error))

    def _resend(self, visit: Visit, id_: str, check: Callable[[Letter], None]) -> tuple[Lane, int]:
        found = _find(visit, id_)
        check(found.letter)
        lane, shard = _origin(found.letter)
        try:
            visit.publish(found, lane, shard)
            # Only now: whoever dies in between leaves it in both places, where it is applied once.
            visit.take(found)
        except UnroutableError:
            raise _no_way_back() from None
        except NackError:
            raise UnavailableError("The queue that it came from is full; try again.") from None
        except AWAY:
            raise _unknown() from None
        self._settled("resent")
        _log.info("dead_letter_resent", extra={"letter": id_, "shard": f"{lane}.{shard}"})
        return lane, shard

    def _drop(self, visit: Visit, id_: str, check: Callable[[Letter], None]) -> None:
        found = _find(visit, id_)
        check(found.letter)
        try:
            visit.take(found)
        except AWAY:
            raise _unknown() from None
        self._settled("dropped")
        _log.info("dead_letter_dropped", extra={"letter": id_, "code": found.letter.code})

    def _settled(self, action: str) -> None:
        self._metrics.settled_letters.labels(action).inc()


def _told(error: Exception) -> Exception:
    """What a caller learns of `error`."""
    if isinstance(error, AWAY):
        return UnavailableError("RabbitMQ can't be reached; try again.")
    return error


def _look(visit: Visit, limit: int, shows: Callable[[Letter], bool]) -> Look:
    seen: list[Letter] = []
    left: int | None = None
    for found in visit.letters():
        left = found.left
        if shows(found.letter):
            seen.append(found.letter)
        if len(seen) == limit:
            break
    if left is None and visit.late:
        raise UnavailableError("RabbitMQ handed no dead letter out in time; try again.")
    return Look(seen, bool(left))


def _find(visit: Visit, id_: str) -> Found:
    for found in visit.letters():
        if found.letter.id == id_:
            return found
    if visit.late:
        raise UnavailableError(
            "There are too many dead letters to find this one in time; settle others first."
        )
    raise NotFoundError(f"There is no dead letter {id_!r}; somebody may have settled it.")


def _origin(letter: Letter) -> tuple[Lane, int]:
    if letter.origin is None:
        raise _no_way_back()
    return letter.origin


def _no_way_back() -> UnknownOriginError:
    return UnknownOriginError(
        "The letter names no queue of this install that it came from, so it can't be sent back."
    )


def _unknown() -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "RabbitMQ did not answer in time, and the call may yet take effect; repeat it. "
        "Not found then means that it did."
    )


def _hear(answer: "asyncio.Future[T]") -> None:
    # Nobody is there to be told how it ended.
    if not answer.cancelled():
        answer.exception()
