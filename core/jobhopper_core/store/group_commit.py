"""One writer thread that commits what has come together in one transaction.

A sync to disk costs as much as hundreds of statements. While one commit is under way the next
verbs gather, so that the cost is shared exactly when there is much to do, and nobody waits for
company when there is little. Each verb runs inside a savepoint: its own error undoes it alone.
(The idea is that of InnoDB's and PostgreSQL's group commit.)
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from jobhopper_core.errors import UnavailableError
from jobhopper_core.store.dialect import Dialect
from jobhopper_core.store.faults import translated
from jobhopper_core.store.save import ChangedMeanwhileError
from jobhopper_core.store.transaction import Transaction

T = TypeVar("T")
# A group stays small enough that its first verb isn't kept waiting for long by its last.
_GROUP_MAX = 32

_log = logging.getLogger(__name__)


class _Task:
    def __init__(self, verb: Callable[[Transaction], Any]) -> None:
        self.verb = verb
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class GroupCommit:
    """Runs verbs one after another on one connection, committing them in groups."""

    def __init__(self, engine: Engine, dialect: Dialect, slot: int) -> None:
        self._engine = engine.execution_options(writing=True)
        self._dialect = dialect
        self._slot = slot
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._closed = False
        self._door = Lock()
        self._thread = Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    def submit(self, verb: Callable[[Transaction], T]) -> Future[T]:
        """Queues a verb; its future is done after the commit."""
        task = _Task(verb)
        # Nothing may come in behind the end mark of `close`: it would wait for ever.
        with self._door:
            if self._closed:
                raise UnavailableError("The database is closing; try again.")
            self._tasks.put(task)
        return task.future

    def backlog(self) -> int:
        """How many verbs are waiting for their turn."""
        return self._tasks.qsize()

    def close(self) -> None:
        """Runs what was submitted, then ends the thread."""
        with self._door:
            self._closed = True
            self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._gather()
            if group:
                self._commit(group)

    def _gather(self) -> tuple[list[_Task], bool]:
        tasks = [self._tasks.get()]
        while len(tasks) < _GROUP_MAX and not self._tasks.empty():
            tasks.append(self._tasks.get())
        group = [t for t in tasks if t is not None and t.future.set_running_or_notify_cancel()]
        return group, None not in tasks

    def _commit(self, group: list[_Task]) -> None:
        try:
            with self._engine.connect() as connection, connection.begin():
                for task in group:
                    self._run_one(connection, task)
        except DBAPIError as error:
            _fail(group, translated(error))
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
            _log.exception("group_commit_failed")
            _fail(group, UnavailableError(f"The database can't serve now: {type(error).__name__}"))
        for task in group:
            task.settle()

    def _run_one(self, connection: Connection, task: _Task) -> None:
        connection.exec_driver_sql("SAVEPOINT verb")
        try:
            task.result = self._result(connection, task.verb)
        except DBAPIError as error:
            task.error = translated(error)
            _undo(connection, error)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the verb
            task.error = error
            connection.exec_driver_sql("ROLLBACK TO verb")
        connection.exec_driver_sql("RELEASE verb")

    def _result(self, connection: Connection, verb: Callable[[Transaction], T]) -> T:
        try:
            return verb(Transaction(connection, self._dialect, self._slot))
        except ChangedMeanwhileError:
            connection.exec_driver_sql("ROLLBACK TO verb")
            return verb(Transaction(connection, self._dialect, self._slot, again=True))


def _undo(connection: Connection, error: DBAPIError) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK TO verb")
    except DBAPIError:
        # A full disk makes SQLite undo the whole transaction: that is why the group fails.
        raise error from None


def _fail(group: list[_Task], error: BaseException) -> None:
    for task in group:
        task.error = error
