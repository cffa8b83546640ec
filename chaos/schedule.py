"""The faults of a run, from its seed alone: the same seed and length give the same schedule."""

import itertools
import random
from collections.abc import Sequence

from chaos.fault import NETWORK_FAULTS, PROCESS_FAULTS, STORE_FAULTS, Fault

REPLICAS = 2
# The first faults come when the load has found its pace, and the last have healed when it ends.
_CALM_BEFORE, _CALM_AFTER = 6.0, 14.0
# From one fault of a store to the next: it lasts some seconds, the store takes up to ten to be
# back, and then the services have theirs.
_STORE_EVERY = 15.8
_STORE_SECONDS = (4.0, 8.0)
# It takes MySQL's absence five seconds to be agreed on: then the outage mode begins.
_MYSQL_SECONDS = (7.0, 10.0)
_PROCESS_EVERY = 12.0
_PROCESS_SECONDS = (2.0, 9.0)


def schedule(seed: int, seconds: float) -> list[Fault]:
    """The faults of a run of `seconds`, in the order of their times.

    Those of stores stand apart from each other; those of processes may overlap all others. In three
    minutes each kind occurs but those of the network, which follow: in six minutes all do.
    """
    chance = random.Random(seed)
    faults = [*_of_stores(chance, seconds), *_of_processes(chance, seconds)]
    return sorted(faults, key=lambda fault: fault.at)


def _of_stores(chance: random.Random, seconds: float) -> list[Fault]:
    times = _times(chance, seconds, _STORE_EVERY, 0.0)
    kinds = _dealt(chance, (STORE_FAULTS, NETWORK_FAULTS), len(times))
    return [
        Fault(at, verb, store, round(chance.uniform(*_lasting(store)), 1))
        for at, (verb, store) in zip(times, kinds, strict=True)
    ]


def _lasting(store: str) -> tuple[float, float]:
    return _MYSQL_SECONDS if store == "mysql" else _STORE_SECONDS


def _of_processes(chance: random.Random, seconds: float) -> list[Fault]:
    times = _times(chance, seconds, _PROCESS_EVERY, 0.6)
    kinds = _dealt(chance, (PROCESS_FAULTS,), len(times))
    return [
        Fault(
            at,
            verb,
            f"{service}.{chance.randrange(REPLICAS)}",
            round(chance.uniform(*_PROCESS_SECONDS), 1),
        )
        for at, (verb, service) in zip(times, kinds, strict=True)
    ]


def _times(chance: random.Random, seconds: float, every: float, play: float) -> list[float]:
    """Times `every` so often, each moved by up to `play` of that."""
    count = max(0, int((seconds - _CALM_BEFORE - _CALM_AFTER) / every + 1e-9))
    return [
        round(_CALM_BEFORE + every * (number + chance.uniform(0.0, play)), 1)
        for number in range(count)
    ]


def _dealt(
    chance: random.Random, decks: Sequence[Sequence[tuple[str, str]]], count: int
) -> list[tuple[str, str]]:
    """`count` kinds from shuffled decks, one after another: all once before any comes again."""
    dealt: list[tuple[str, str]] = []
    for deck in itertools.cycle(decks):
        if len(dealt) >= count:
            break
        dealt += chance.sample(deck, len(deck))
    return dealt[:count]
