"""The jobs that a worker holds a lease on, and until when."""

import time
from collections.abc import Callable, Iterable
from threading import Condition

from jobhopper.claimed_job import ClaimedJob


class Held:
    """Thread-safe. Ends of leases are in seconds of the monotonic clock, which never jumps."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._ends: dict[ClaimedJob, float] = {}
        self._settling: set[ClaimedJob] = set()

    def add(self, jobs: Iterable[ClaimedJob], lease: float) -> None:
        """Takes in jobs that were just claimed for `lease` seconds."""
        with self._changed:
            self._ends.update(dict.fromkeys(jobs, time.monotonic() + lease))

    def renew(self, job: ClaimedJob, end: float) -> None:
        """Notes the later end of a lease that was extended."""
        with self._changed:
            if job in self._ends:
                self._ends[job] = end

    def settle(self, job: ClaimedJob) -> None:
        """From now on the job's end is being reported: a refused heartbeat means nothing."""
        with self._changed:
            self._settling.add(job)

    def lose(self, job: ClaimedJob, code: str) -> bool:
        """Notes that the claim has ended; False where that is no news."""
        with self._changed:
            if job not in self._ends or job in self._settling or job.lost:
                return False
            job.lost = code
            return True

    def drop(self, job: ClaimedJob) -> None:
        """Lets go of a job."""
        with self._changed:
            self._ends.pop(job, None)
            self._settling.discard(job)
            self._changed.notify_all()

    def all(self) -> list[ClaimedJob]:
        """Every job, lost ones too, the oldest first."""
        with self._changed:
            return list(self._ends)

    def standing(self) -> list[ClaimedJob]:
        """Those whose lease is to be kept."""
        return [job for job in self.all() if not job.lost]

    def overdue(self) -> list[ClaimedJob]:
        """Those whose lease has ended by this machine's clock."""
        with self._changed:
            now = time.monotonic()
            return [job for job, end in self._ends.items() if end < now]

    def end_of(self, job: ClaimedJob) -> float:
        """When the job's lease ends; 0 for one that is not held."""
        with self._changed:
            return self._ends.get(job, 0.0)

    def wait_until(self, holds: Callable[[int], bool], timeout: float) -> bool:
        """Waits until `holds` is true of the number of jobs; False when the time was up."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(len(self._ends)), timeout)

    def __len__(self) -> int:
        with self._changed:
            return len(self._ends)
