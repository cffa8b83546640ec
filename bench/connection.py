"""A lean HTTP connection, so that the client's cost does not hide the server's."""

import asyncio
from typing import Any

import msgspec

_HEAD = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The answer's body; raises RuntimeError unless it is a success."""
        head = _HEAD % (method.encode(), path.encode())
        self._writer.write(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        content = await self._reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{method} {path}: {answer[:20]!r} {content[:300]!r}")
        return content

    async def json(self, method: str, path: str, value: object) -> Any:
        """As `call`, with values."""
        return msgspec.json.decode(await self.call(method, path, msgspec.json.encode(value)))

    def close(self) -> None:
        """Ends the connection."""
        self._writer.close()


async def connect(port: int, count: int) -> list[Connection]:
    """`count` connections to the server on this machine."""
    opened = [
        await asyncio.open_connection("127.0.0.1", port, limit=8 * 1024 * 1024)
        for _ in range(count)
    ]
    return [Connection(*pair) for pair in opened]
