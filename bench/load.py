"""The jobs that every measure uses: 200-byte payloads."""

import msgspec

PAYLOAD = {"data": "x" * 188}
assert len(msgspec.json.encode(PAYLOAD)) == 199  # noqa: S101 - the figures name this size
JOB = {"queue": "bench", "type": "measure", "payload": PAYLOAD}
ONE = msgspec.json.encode(JOB)


def batch(size: int) -> bytes:
    """The body that creates `size` jobs."""
    return msgspec.json.encode({"jobs": [JOB] * size})


def claim(size: int, wait: float = 0) -> bytes:
    """The body that claims up to `size` jobs."""
    return msgspec.json.encode({"queues": ["bench"], "max": size, "wait": wait})


def finished(jobs: list[dict[str, object]]) -> bytes:
    """The body that ends claimed jobs."""
    updates = [
        {"id": j["id"], "lease": j["lease"]["token"], "status": "succeeded", "result": {"ok": True}}  # type: ignore[index]
        for j in jobs
    ]
    return msgspec.json.encode({"updates": updates})
