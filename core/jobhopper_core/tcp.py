"""Sockets that notice a peer which has gone without a word, as behind a cut cable.

TCP alone repeats what is not acknowledged for a quarter of an hour. A time-out on the answer can't
stand in for this: a large transaction may take longer than anyone should wait for a dead peer.
"""

import socket

# Without a sign of life a connection is dead after about so long.
DEAD_SECONDS = 3
_OPTIONS = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": DEAD_SECONDS - 1,
    "TCP_USER_TIMEOUT": DEAD_SECONDS * 1000,
}


def options() -> dict[int, int]:
    """The options by their numbers; those that this system lacks are left out."""
    return {getattr(socket, n): v for n, v in _OPTIONS.items() if hasattr(socket, n)}


def options_by_name() -> dict[str, int]:
    """As `options`, for libraries that want names."""
    return {name: value for name, value in _OPTIONS.items() if hasattr(socket, name)}


def harden(sock: socket.socket) -> None:
    """Sets them on a connected socket; one that is no TCP socket stays as it is."""
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for number, value in options().items():
        sock.setsockopt(socket.IPPROTO_TCP, number, value)
