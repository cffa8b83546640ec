"""Threads that the store's verbs run on."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from jobhopper_core.errors import UnavailableError

A = TypeVar("A")
T = TypeVar("T")


def submitted(threads: Executor, function: Callable[[A], T], argument: A) -> Future[T]:
    """The future of `function(argument)`. Raises UnavailableError once the threads have ended."""
    try:
        return threads.submit(function, argument)
    except RuntimeError as error:
        raise UnavailableError(f"The database can't serve now: {error}") from None
