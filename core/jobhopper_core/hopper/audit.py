"""The audit's part in Redis: a sample of what was accepted, and the newest report."""

from collections.abc import Sequence

import msgspec

from jobhopper_core.hopper.commands import Command
from jobhopper_core.hopper.names import Names
from jobhopper_core.model import ids

# So many of the jobs that were accepted are kept for the audit at most.
SAMPLES_MAX = 10_000


class Check(msgspec.Struct, frozen=True):
    """One comparison: how much of it was looked at, and how much of that does not agree."""

    name: str
    compared: int
    drift: int
    # Some of what does not agree, to look at.
    examples: list[str] = []


class Report(msgspec.Struct, frozen=True):
    """All comparisons of one audit; `at` is MySQL's time (µs)."""

    at: int
    checks: list[Check]


_decode = msgspec.json.Decoder(Report).decode


def sample(names: Names, job_ids: Sequence[str]) -> Command:
    """Keeps jobs that were accepted, by the time in their ids."""
    pairs = [part for id_ in job_ids for part in (ids.unix_ms(id_), id_)]
    return ("ZADD", names.plain("accepted"), *pairs)


def trim(names: Names) -> Command:
    """Drops the oldest of the sample where it is too large."""
    return ("ZREMRANGEBYRANK", names.plain("accepted"), 0, -SAMPLES_MAX - 1)


def sampled(names: Names) -> Command:
    """Reads the sample."""
    return ("ZRANGE", names.plain("accepted"), 0, -1)


def settled(names: Names, job_ids: Sequence[str]) -> Command:
    """Drops what was found in its place."""
    return ("ZREM", names.plain("accepted"), *job_ids)


def keep(names: Names, report: Report) -> Command:
    """Keeps the newest report."""
    return ("SET", names.plain("audit"), msgspec.json.encode(report))


def report(reply: bytes | None) -> Report | None:
    """The newest report, or None when there was none."""
    return None if reply is None else _decode(reply)
