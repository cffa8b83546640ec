"""What became of every job, read back from the server and held against the plan."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from jobhopper.client import Client
from jobhopper.demo.faults import NotAccountedForError
from jobhopper.demo.plan import FLAKY, MISSING
from jobhopper.job import FINAL_STATUSES, Job

_PAGE = 500
_READERS = 4


@dataclass(frozen=True, slots=True)
class Accounts:
    """The jobs as the server tells of them, and the worker that was killed."""

    jobs: Sequence[Job]
    killed: str

    @property
    def done(self) -> list[Job]:
        """Those that succeeded."""
        return [job for job in self.jobs if job.status == "succeeded"]

    @property
    def failed(self) -> list[Job]:
        """Those that failed for good."""
        return [job for job in self.jobs if job.status == "failed"]

    @property
    def retried(self) -> list[Job]:
        """Those that succeeded after an attempt that failed."""
        return [job for job in self.done if _outcomes(job)["failed"]]

    @property
    def taken_over(self) -> list[Job]:
        """Those whose lease ended with the killed worker, and that the other one worked."""
        return [job for job in self.jobs if _was_taken_over(job, self.killed)]

    @property
    def seconds(self) -> float:
        """From the first creation to the last end, by the server's clock."""
        created = min(job.created_at for job in self.jobs if job.created_at)
        finished = max(job.finished_at for job in self.jobs if job.finished_at)
        return (finished - created).total_seconds()

    @property
    def lines(self) -> int:
        """Lines of code in all results."""
        return sum(job.result["lines"] for job in self.done)

    def slowest(self, count: int) -> list[Job]:
        """The jobs whose files took longest to compile."""
        return sorted(self.done, key=lambda job: -job.result["compile_ms"])[:count]


def read(client: Client, queue: str, killed: str) -> Accounts:
    """Reads every job of the queue, each as a whole."""
    ids = [job.id for job in client.jobs(queue=queue, silenced="any", page_size=_PAGE)]
    with ThreadPoolExecutor(_READERS) as readers:
        return Accounts(list(readers.map(client.job, ids)), killed)


def check(accounts: Accounts, created: Sequence[str], held: str, depth: dict[str, int]) -> None:
    """Holds the accounts against what was created. Raises NotAccountedForError."""
    faults = list(_faults(accounts, created, held, depth))
    if faults:
        raise NotAccountedForError("the accounts do not add up: " + "; ".join(faults))


def _faults(
    accounts: Accounts, created: Sequence[str], held: str, depth: dict[str, int]
) -> Iterator[str]:
    listed = [job.id for job in accounts.jobs]
    yield from _named("missing", set(created).difference(listed))
    yield from _named("not created here", set(listed).difference(created))
    if len(listed) != len(set(listed)):
        yield "a job is listed twice"
    yield from _named("not finished", (j.id for j in accounts.jobs if not j.finished))
    yield from _named("not as planned", (j.id for j in accounts.jobs if not _went_as_planned(j)))
    if held not in {job.id for job in accounts.taken_over}:
        yield f"{held} was not taken over"
    yield from _depth_faults(accounts, depth)


def _depth_faults(accounts: Accounts, depth: dict[str, int]) -> Iterator[str]:
    counted = Counter(job.status for job in accounts.jobs)
    for status, count in depth.items():
        if counted[status] != count:
            yield f"the queue counts {count} {status}, the list {counted[status]}"


def _went_as_planned(job: Job) -> bool:
    if job.status not in FINAL_STATUSES:
        return True  # Told elsewhere.
    if job.type == MISSING:
        # A claim whose worker is killed before it has the answer is given back: that costs no try.
        tries = len(job.attempts) - _outcomes(job)["released"]
        return job.status == "failed" and job.failures == tries == job.max_attempts
    if job.type == FLAKY and not job.attempts:
        return False
    return job.status == "succeeded" and job.result["file"] == job.payload["file"]


def _was_taken_over(job: Job, killed: str) -> bool:
    ended = any(a.outcome == "expired" and a.worker == killed for a in job.attempts)
    return ended and job.worker != killed


def _outcomes(job: Job) -> Counter[str]:
    return Counter(attempt.outcome for attempt in job.attempts)


def _named(fault: str, ids: Iterator[str] | set[str]) -> Iterator[str]:
    found = sorted(ids)
    if found:
        yield f"{len(found)} {fault} ({found[0]}{', …' if len(found) > 1 else ''})"
