"""A run from its first container to its last look."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chaos.board import PARKED, WORKED, Board, Pace
from chaos.evidence import Aftermath, Evidence
from chaos.fault import Fault
from chaos.final import read_final
from chaos.ground import Ground
from chaos.hoppers import lasting_differences
from chaos.inflict import Inflictor
from chaos.load import Load
from chaos.logged import faults_logged, keep_logs
from chaos.quiet import await_applied, dead_letters, drain, left_in_rabbitmq
from chaos.stalls import Stalls
from stack.containers.container import Container
from stack.process import Process

_BACKOFF = {"base": 1, "factor": 1.5, "max": 4, "jitter": 0.1}
_APPLIED_SECONDS = 60.0
_HOPPER_SECONDS = 15.0
_MESSAGES_SECONDS = 10.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is to be done: for how long, which faults, how much load.

    `environment` goes to every service. `drain_seconds`: how long what is left may take to be
    worked off at the end; 0: it is left. `logs`: a folder for the logs of all processes.
    """

    seed: int
    seconds: float
    faults: Sequence[Fault]
    pace: Pace = field(default_factory=Pace)
    environment: Mapping[str, str] = field(default_factory=dict)
    drain_seconds: float = 90.0
    logs: Path | None = None

    @property
    def hurts_network(self) -> bool:
        """Whether it takes wires that can be cut."""
        return any(fault.on_network for fault in self.faults)


class Loaded(NamedTuple):
    """What the time under load left: its start (s since 1970), and what went wrong in it."""

    start: float
    inflictor: Inflictor
    lost: list[str]


def run(plan: Plan, say: Say, containers: Mapping[str, Container] | None = None) -> Evidence:
    """Carries out the plan; `say` is told how far it is. `containers`: stores to be used.

    Raises RuntimeError when a client of the run's own failed.
    """
    say("Starting the stores and the services")
    ground_of = Ground(plan.environment, containers, wired=plan.hurts_network)
    with ground_of as ground, Stalls() as stalls:
        board = Board(ground.services.ports, ground.services.key, plan.seed, plan.pace)
        _set_up(board)
        loaded = _under_load(plan, ground, board, say)
        aftermath = _look(plan, ground, board, loaded, say)
        final = read_final(ground.stores.mysql)
        aftermath.messages = left_in_rabbitmq(ground, _MESSAGES_SECONDS)
        aftermath.dead = dead_letters(ground.stores)
        aftermath.logged = faults_logged(ground)
        if plan.logs is not None:
            keep_logs(ground, plan.logs)
        return Evidence(
            loaded.start, board.calls, final, loaded.inflictor.done, stalls.found, aftermath
        )


def _set_up(board: Board) -> None:
    caller = board.caller("set-up")
    # At each API, so that the first calls of the load do not find it cold.
    for _ in board.ports:
        for queue in (*WORKED, PARKED):
            done = caller.call("look", "PATCH", f"/v1/queues/{queue}", {"backoff": _BACKOFF})
            if done.status != 200:
                raise RuntimeError(f"the queue {queue} could not be set up: {done.answer}")
        caller.call("claim", "POST", "/v1/claims", {"queues": [*WORKED]})
        caller.move()
    caller.close()


def _under_load(plan: Plan, ground: Ground, board: Board, say: Say) -> Loaded:
    start = time.time()
    say(f"Under load for {plan.seconds:.0f} s, with {len(plan.faults)} faults")
    with Load(board) as load:
        inflictor = Inflictor(ground, plan.faults, start)
        inflictor.join()
        time.sleep(max(0.0, start + plan.seconds - time.time()))
        say(f"Winding down after {time.time() - start:.0f} s and {len(board.calls):,} calls")
        load.wind_down()
    if load.failures:
        raise RuntimeError("a client of the run's own failed") from load.failures[0]
    return Loaded(start, inflictor, [f"{error}" for error in inflictor.failures])


def _look(plan: Plan, ground: Ground, board: Board, loaded: Loaded, say: Say) -> Aftermath:
    for name, process in ground.processes.items():
        _await_back(name, process, loaded.lost)
    found = Aftermath(lost=loaded.lost)
    say("Waiting until everything is applied")
    found.unapplied = not await_applied(ground.stores, _APPLIED_SECONDS)
    say("Comparing the hoppers with MySQL")
    found.hopper = lasting_differences(ground.stores, _HOPPER_SECONDS, stale=True)
    if plan.drain_seconds:
        say("Working off what is left")
        found.left = drain(board, ground.stores, plan.drain_seconds)
        found.unapplied |= not await_applied(ground.stores, _APPLIED_SECONDS)
        left = lasting_differences(ground.stores, _HOPPER_SECONDS, stale=True)
        found.hopper = [*found.hopper, *left]
    return found


def _await_back(name: str, process: Process, lost: list[str]) -> None:
    try:
        process.await_ready()
    except RuntimeError as error:
        lost.append(f"{name}: {error}")
