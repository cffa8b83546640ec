"""All that the checker judges by, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.call import Call
from chaos.fault import Inflicted
from chaos.final import Final
from chaos.history import Job, histories


class Finding(NamedTuple):
    """A promise that was broken: by which rule, on which job (empty: none), and how."""

    rule: str
    job: str
    what: str


@dataclass
class Aftermath:
    """What was found once nothing was on its way any more.

    `unapplied`: the lanes did not come to an end in time; `hopper`: lasting differences from MySQL;
    `messages`: what was left in RabbitMQ; `dead`: dead letters; `logged`: faults of its own that a
    process logged; `lost`: processes and stores that did not come back; `left`: jobs that could
    not be worked off, where that was tried.
    """

    unapplied: bool = False
    hopper: Sequence[str] = ()
    messages: dict[str, int] = field(default_factory=dict)
    dead: Sequence[str] = ()
    logged: Sequence[str] = ()
    lost: Sequence[str] = ()
    left: int | None = None


class Stall(NamedTuple):
    """The run's own process got no processor for `seconds`, until `at` (s since 1970)."""

    at: float
    seconds: float


@dataclass
class Evidence:
    """A run: its start (s since 1970), what clients saw, what was done, and what is left."""

    start: float
    calls: Sequence[Call]
    final: Final
    faults: Sequence[Inflicted] = ()
    stalls: Sequence[Stall] = ()
    aftermath: Aftermath = field(default_factory=Aftermath)
    jobs: dict[str, Job] = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = histories(self.calls)

    def history(self, job_id: str) -> list[str]:
        """The whole history of a job as lines in the order of time."""
        job = self.jobs.get(job_id)
        lines = job.told(self.start) if job else []
        lines += [
            (change.at, change.told(self.start)) for change in self.final.trail.get(job_id, ())
        ]
        row = self.final.rows.get(job_id)
        ends = [
            f"attempt {attempt}: {end.outcome} at {end.at - self.start:.3f}, {end.error}"
            for (id_, attempt), end in sorted(self.final.ends.items())
            if id_ == job_id
        ]
        return [line for _, line in sorted(lines)] + ends + [f"at the end: {row}"]
