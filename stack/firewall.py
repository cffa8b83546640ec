"""Packets on the loopback interface that are lost or refused, by rules of iptables.

The rules stand in a chain of this process's own and name addresses that nobody else uses, so they
meet no other traffic of the machine. A chain whose process died is removed by the next one.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Self

import psutil

_PREFIX = "jobhopper"
# All of it goes through here: on loopback, what is sent is what is received. Dropped on the way
# out instead, a packet would count as never sent, and no time-out of TCP's would run.
_HOOK = "INPUT"
_OURS = re.compile(rf"^-A {_HOOK} .*-j ({_PREFIX}-\S+)$", re.MULTILINE)
_CHAINS = re.compile(rf"^-N ({_PREFIX}-\S+)$", re.MULTILINE)


class Firewall(AbstractContextManager["Firewall"]):
    """Loses or refuses the packets of addresses, within a block each. Needs root, on Linux."""

    def __init__(self) -> None:
        self.chain = f"{_PREFIX}-{_owner(os.getpid())}"

    def __enter__(self) -> Self:
        _remove_orphans()
        _iptables("-N", self.chain)
        _iptables("-I", _HOOK, "1", *_jump(self.chain))
        return self

    def __exit__(self, *_error: object) -> None:
        _remove(self.chain)

    def dropping(self, *addresses: str, share: float = 1.0) -> AbstractContextManager[None]:
        """Packets from and to the addresses vanish: all of them, or a random share."""
        some = ("-m", "statistic", "--mode", "random", "--probability", str(share))
        match = () if share == 1.0 else some
        return self._rules([(*way, *match, "-j", "DROP") for way in _ways(addresses)])

    def refusing(self, *addresses: str) -> AbstractContextManager[None]:
        """Every packet from and to the addresses is answered with a reset."""
        # The resets come from the address that is refused: they have to pass.
        reset = ("-p", "tcp", "--tcp-flags", "RST", "RST")
        refuse = ("-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
        passing = [(*way, *reset, "-j", "RETURN") for way in _ways(addresses)]
        return self._rules(passing + [(*way, *refuse) for way in _ways(addresses)])

    @contextmanager
    def _rules(self, rules: list[tuple[str, ...]]) -> Iterator[None]:
        made: list[tuple[str, ...]] = []
        try:
            for rule in rules:
                _iptables("-A", self.chain, *rule)
                made.append(rule)
            yield
        finally:
            for rule in made:
                _iptables("-D", self.chain, *rule)


def why_not() -> str:
    """Why there can be no such rules here; empty where there can."""
    if os.name != "posix" or os.uname().sysname != "Linux":
        return "faults of the network are rules of Linux's iptables"
    if os.getuid() != 0:
        return "faults of the network are rules of iptables, which take root: run as root"
    try:
        _iptables("-S", _HOOK)
    except (OSError, RuntimeError) as error:
        return f"iptables is of no use here (apt-get install -y iptables): {error}"
    return ""


def _ways(addresses: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(side, address) for address in addresses for side in ("-s", "-d")]


def _jump(chain: str) -> tuple[str, ...]:
    said = "faults of Jobhopper tests; of a dead process: may go"
    return ("-i", "lo", "-m", "comment", "--comment", said, "-j", chain)


def _owner(pid: int) -> str:
    # More than a number that is used again; a chain's name has 28 characters at most.
    return f"{pid}-{int(psutil.Process(pid).create_time() * 10)}"


def _lives(chain: str) -> bool:
    pid = chain.split("-")[1]
    with suppress(psutil.NoSuchProcess, ValueError):
        return chain == f"{_PREFIX}-{_owner(int(pid))}"
    return False


def _remove_orphans() -> None:
    for chain in _CHAINS.findall(_iptables("-S")):
        if not _lives(chain):
            # Two may clean up at once.
            with suppress(RuntimeError):
                _remove(chain)


def _remove(chain: str) -> None:
    if chain in _OURS.findall(_iptables("-S", _HOOK)):
        _iptables("-D", _HOOK, *_jump(chain))
    _iptables("-F", chain)
    _iptables("-X", chain)


def _iptables(*arguments: str) -> str:
    # -w: waits for others who change rules, Docker above all.
    command = ["iptables", "-w", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
