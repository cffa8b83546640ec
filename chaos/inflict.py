"""Does what the schedule says, and undoes it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import pymysql
import redis

from chaos.fault import Fault, Inflicted
from chaos.ground import Ground
from jobhopper_core.store.mysql import connection_options

# After a store has healed, so long until the next is hurt: the promise is for one at a time.
_CALM = 5.0
_READY_SECONDS = 60.0
_FULL_AT = 15
_FLUSH_EVERY = 1.0
_WIRE_OF = {"valkey": "redis"}


class Inflictor:
    """Carries out a schedule: stores one after another, processes whenever it is their time."""

    def __init__(self, ground: Ground, schedule: Sequence[Fault], start: float) -> None:
        self._ground = ground
        self._start = start
        self.done: list[Inflicted] = []
        self.failures: list[BaseException] = []
        of_stores = [fault for fault in schedule if fault.on_store]
        lanes = [of_stores, *([fault] for fault in schedule if not fault.on_store)]
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), daemon=True) for lane in lanes
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Waits until everything has healed."""
        for thread in self._threads:
            thread.join()

    def _run(self, lane: Sequence[Fault]) -> None:
        for fault in lane:
            time.sleep(max(0.0, self._start + fault.at - time.time()))
            began = time.time()
            try:
                inflict(self._ground, fault)
            except Exception as error:  # noqa: BLE001 # the run ends, and says so at its end
                self.failures.append(error)
            healed = time.time()
            self.done.append(Inflicted(fault, began - self._start, healed - self._start))
            if fault.on_store:
                time.sleep(_CALM)


def inflict(ground: Ground, fault: Fault) -> None:
    """One fault from its beginning until its target serves again."""
    how = _VERBS[fault.verb] if fault.on_store else _PROCESS_VERBS[fault.verb]
    with how(ground, fault.target):
        time.sleep(fault.seconds)


@contextmanager
def _killed(ground: Ground, name: str) -> Iterator[None]:
    with ground.containers[name].killed():
        yield


@contextmanager
def _frozen(ground: Ground, name: str) -> Iterator[None]:
    with ground.containers[name].paused():
        yield


@contextmanager
def _restarted(ground: Ground, name: str) -> Iterator[None]:
    ground.containers[name].stop()
    try:
        yield
    finally:
        ground.containers[name].start()


@contextmanager
def _flushed(ground: Ground, _name: str) -> Iterator[None]:
    """FLUSHALL once a second while it lasts."""
    over = threading.Event()
    with redis.Redis.from_url(ground.stores.redis) as client:
        again = threading.Thread(target=_flush, args=(client, over))
        again.start()
        yield
        over.set()
        again.join()


def _flush(client: "redis.Redis", over: threading.Event) -> None:
    client.flushall()
    while not over.wait(_FLUSH_EVERY):
        client.flushall()


@contextmanager
def _filled(ground: Ground, name: str) -> Iterator[None]:
    """Queues that take few messages, and consumers that stand still: writes back up."""
    run = ground.containers[name].execute
    limit = f'{{"max-length": {_FULL_AT}}}'
    run("rabbitmqctl", "set_policy", "chaos", "^jobhopper[.]", limit, "--apply-to", "queues")
    try:
        with ExitStack() as stack:
            for consumer in [one for one in ground.processes if one.startswith("consumer.")]:
                stack.enter_context(_process_frozen(ground, consumer))
            yield
    finally:
        run("rabbitmqctl", "clear_policy", "chaos")


@contextmanager
def _read_only(ground: Ground, _name: str) -> Iterator[None]:
    """As MySQL is for a while when its primary moves elsewhere."""
    with (
        pymysql.connect(**connection_options(ground.stores.mysql)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SET GLOBAL super_read_only = ON")
        yield
        cursor.execute("SET GLOBAL super_read_only = OFF")
        cursor.execute("SET GLOBAL read_only = OFF")


def _on_network(ground: Ground, name: str, kind: str) -> AbstractContextManager[None]:
    if ground.wires is None:
        raise RuntimeError("faults of the network take a ground with wires")
    return ground.wires.fault(kind, _WIRE_OF.get(name, name))


@contextmanager
def _process_killed(ground: Ground, name: str) -> Iterator[None]:
    """Killed with -9, and started again as Kubernetes does."""
    process = ground.processes[name]
    with ground.locks[name]:
        process.kill()
        yield
        process.start()
        process.await_ready(_READY_SECONDS)


@contextmanager
def _process_frozen(ground: Ground, name: str) -> Iterator[None]:
    with ground.locks[name]:
        ground.processes[name].send(signal.SIGSTOP)
        try:
            yield
        finally:
            ground.processes[name].send(signal.SIGCONT)


_Verb = Callable[[Ground, str], AbstractContextManager[None]]
_VERBS: dict[str, _Verb] = {
    "kill": _killed,
    "freeze": _frozen,
    "restart": _restarted,
    "flush": _flushed,
    "fill": _filled,
    "read-only": _read_only,
    "black-hole": partial(_on_network, kind="black_hole"),
    "refuse": partial(_on_network, kind="refused"),
    "slow": partial(_on_network, kind="slow"),
}
_PROCESS_VERBS: dict[str, _Verb] = {"kill": _process_killed, "freeze": _process_frozen}
