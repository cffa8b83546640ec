"""Services whose ways to their stores can be cut, refused and slowed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.containers.container import Container

sys.path.append(str(Path(__file__).resolve().parents[2]))

from stack.emptying import empty  # the repository's own folder, found by the line above
from stack.firewall import why_not
from stack.services import Services
from stack.wires import Wires

# Else their assertions would fail without a word.
pytest.register_assert_rewrite("faults_calls", "faults_end", "faults_timers", "faults_traffic")


@pytest.fixture(scope="module")
def wires(mysql: Container, rabbitmq: Container, valkey: Container) -> Iterator[Wires]:
    if reason := why_not():
        pytest.fail(reason)
    with Wires(mysql, rabbitmq, valkey) as made:
        yield made


@pytest.fixture(scope="module")
def services(wires: Wires) -> Iterator[Services]:
    """Two of each, on emptied stores."""
    empty(wires.direct)
    with Services(wires.urls, apis=2, consumers=2, refillers=2) as running:
        yield running
