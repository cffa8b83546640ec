"""The clients of a run, as threads."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from chaos import operator, producer, worker
from chaos.board import Board

Part = Callable[[Board, str], None]
_JOIN_SECONDS = 60.0


class Load(AbstractContextManager["Load"]):
    """Runs within its block; `wind_down` lets it end sooner, and in order."""

    def __init__(self, board: Board) -> None:
        self._board = board
        pace = board.pace
        parts: list[tuple[str, int, Part]] = [
            ("producer", pace.producers, producer.produce),
            ("quick", pace.quick, worker.work_quickly),
            ("slow", pace.slow, worker.work_slowly),
            ("dying", pace.dying, worker.die),
            ("frozen", pace.frozen, worker.freeze),
            ("operator", pace.operators, operator.operate),
            ("reader", pace.readers, operator.read),
        ]
        self.failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(part, f"{name}.{number}"), daemon=True)
            for name, count, part in parts
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        self._board.creating.set()
        self._board.working.set()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.wind_down()

    def wind_down(self) -> None:
        """Nothing new is created, ordered or claimed; what workers hold they finish."""
        self._board.creating.clear()
        self._board.working.clear()
        until = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, part: Part, who: str) -> None:
        # A client that falls over would make the run look better than it was.
        try:
            part(self._board, who)
        except Exception as error:  # noqa: BLE001
            self.failures.append(error)
