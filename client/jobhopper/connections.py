"""A pool of keep-alive connections to one server, whose waiting calls can be broken off.

urllib3 can't stop a call that another thread waits in, and a long poll may wait a minute.
So each connection notes itself here, and `abort` shuts the sockets of all that are open.
"""

import socket
from threading import Lock
from typing import Any
from weakref import WeakSet

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

# More threads than this may call at once; their connections are closed after use.
KEPT_OPEN = 16


class OpenConnections:
    """The connections that a pool has opened and that still live."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connections: WeakSet[HTTPConnection] = WeakSet()

    def note(self, connection: HTTPConnection) -> None:
        """Remembers a connection for as long as someone holds it."""
        with self._lock:
            self._connections.add(connection)

    def abort(self) -> None:
        """Shuts every socket; who waits on one gets an error at once."""
        with self._lock:
            for connection in self._connections:
                _shut(connection)


def open_pool(url: str, noted: OpenConnections) -> HTTPConnectionPool:
    """A thread-safe pool for `url`; nothing is sent yet."""
    parts = parse_url(url)
    secure = parts.scheme == "https"
    make = _NotedHTTPSPool if secure else _NotedHTTPPool
    port = parts.port or (443 if secure else 80)
    return make(str(parts.host), port, maxsize=KEPT_OPEN, retries=False, noted=noted)


class _NotedHTTPConnection(HTTPConnection):
    def __init__(self, *arguments: Any, noted: OpenConnections, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(*arguments, **options)
        noted.note(self)


class _NotedHTTPSConnection(HTTPSConnection):
    def __init__(self, *arguments: Any, noted: OpenConnections, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(*arguments, **options)
        noted.note(self)


class _NotedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _NotedHTTPConnection


class _NotedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _NotedHTTPSConnection


def _shut(connection: HTTPConnection) -> None:
    opened = connection.sock
    if opened is None:
        return
    try:
        opened.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # The other side was faster.
