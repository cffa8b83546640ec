"""A lean HTTP connection, so that the client's cost does not hide the server's."""

import asyncio
from typing import Any, NamedTuple

import msgspec

_HEAD = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str
    ) -> None:
        self._auth = f"Authorization: Bearer {key}\r\n".encode() if key else b""
        self._reader = reader
        self._writer = writer

    async def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The answer's body; raises RuntimeError unless it is a success."""
        head = _HEAD % (method.encode(), path.encode())
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        self._writer.write(b"".join((head, self._auth, length, body)))
        answer = await self._reader.readuntil(b"\r\n\r\n")
        size = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        content = await self._reader.readexactly(size)
        if not answer.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{method} {path}: {answer[:20]!r} {content[:300]!r}")
        return content

    async def json(self, method: str, path: str, value: object) -> Any:
        """As `call`, with values."""
        return msgspec.json.decode(await self.call(method, path, msgspec.json.encode(value)))

    def close(self) -> None:
        """Ends the connection."""
        self._writer.close()


class Target(NamedTuple):
    """A server on this machine: its port, and the key to use (empty: none)."""

    port: int
    key: str = ""


async def connect(target: Target, count: int) -> list[Connection]:
    """`count` connections to `target`."""
    opened = [
        await asyncio.open_connection("127.0.0.1", target.port, limit=8 * 1024 * 1024)
        for _ in range(count)
    ]
    return [Connection(*pair, target.key) for pair in opened]
