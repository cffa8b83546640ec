"""The faults are what their names say, and befall nobody else."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stack.wires import SLOW_SECONDS, Wires

pytestmark = [pytest.mark.stores, pytest.mark.timed, pytest.mark.slow]
_PATIENCE = 1.0
_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(wires: Wires) -> tuple[str, int]:
    """Where the services would find Redis."""
    return _place(wires.urls.redis)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@contextmanager
def connected(place: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(place, _PATIENCE) as connection:
        assert ping(connection)
        yield connection


def ping(connection: socket.socket) -> bool:
    connection.sendall(b"PING\r\n")
    return connection.recv(7) == b"+PONG\r\n"


def test_a_killed_store_refuses_and_serves_again(wires: Wires, place: tuple[str, int]) -> None:
    with connected(place) as old, wires.fault("killed", "redis"):
        assert old.recv(7) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, _PATIENCE)
    with connected(place):
        pass


def test_what_is_refused_is_reset(wires: Wires, place: tuple[str, int]) -> None:
    with connected(place) as old, wires.fault("refused", "redis"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, _PATIENCE)
        with pytest.raises(ConnectionResetError):
            ping(old)
    with connected(place):
        pass


def test_a_black_hole_answers_nothing_and_what_was_sent_arrives_after_it(
    wires: Wires, place: tuple[str, int]
) -> None:
    with connected(place) as old:
        with wires.fault("black_hole", "redis"):
            with pytest.raises(TimeoutError):
                socket.create_connection(place, _PATIENCE)
            with pytest.raises(TimeoutError):
                ping(old)
        # Sent again by the kernel, ever more rarely.
        old.settimeout(10)
        assert old.recv(7) == b"+PONG\r\n"


def test_a_slow_network_takes_its_time_and_loses_nothing(
    wires: Wires, place: tuple[str, int]
) -> None:
    with connected(place) as connection, wires.fault("slow", "redis"):
        connection.settimeout(10)
        took = []
        for _ in range(20):
            began = time.monotonic()
            assert ping(connection)
            took.append(time.monotonic() - began)
    assert min(took) >= SLOW_SECONDS


@pytest.mark.parametrize("kind", ["refused", "black_hole"])
def test_nobody_else_is_met(wires: Wires, place: tuple[str, int], kind: str) -> None:
    with ExitStack() as stack:
        direct = stack.enter_context(connected(_place(wires.direct.redis)))
        stack.enter_context(wires.fault(kind, "rabbitmq", "redis"))
        assert ping(direct)
        with socket.create_connection(_place(wires.urls.mysql), _PATIENCE) as mysql:
            assert mysql.recv(5)[4:] == b"\x0a"


def test_rules_of_a_dead_process_are_removed(wires: Wires) -> None:
    made = subprocess.run(
        [sys.executable, "-c", _DIES], cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    assert made.returncode < 0
    chain = made.stdout.strip()
    assert f"-N {chain}" in chains()
    mine = [line for line in chains() if f"-{os.getpid()}-" in line]
    cleaned = subprocess.run([sys.executable, "-c", _CLEANS], cwd=_ROOT, check=False)
    assert cleaned.returncode == 0
    assert not [line for line in chains() if chain in line]
    # Those who live keep theirs.
    assert [line for line in chains() if f"-{os.getpid()}-" in line] == mine != []


def chains() -> list[str]:
    command = ["iptables", "-w", "-S"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


_DIES = """
import os, signal
from stack.firewall import Firewall
with Firewall() as firewall, firewall.dropping("127.1.2.3"):
    print(firewall.chain, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
_CLEANS = """
from stack.firewall import Firewall
with Firewall():
    pass
"""
