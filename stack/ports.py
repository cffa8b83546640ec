"""Ports that are free just now."""

import secrets
import socket

# Linux gives outgoing connections ports from 32,768 on: a port from there that is free now may be
# the near end of somebody's connection before it is listened on.
_LOWEST, _HIGHEST = 15_000, 32_000
_TRIES = 100


def free_port() -> int:
    """A port that nothing listens on, and that no outgoing connection gets meanwhile."""
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port from {_LOWEST} to {_HIGHEST} is free")
