"""The demo's two worker processes, and the end of one of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from jobhopper.client import Client
from jobhopper.demo.faults import WorkStoppedError
from jobhopper.demo.processes import Process, Processes
from jobhopper.job import Job

NAMES = ("worker-1", "worker-2")
LOG = "workers.log"


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that was killed with -9, and the job that it was at."""

    worker: str
    pid: int
    job: Job


class Crew:
    """Starts the workers, listens to what they say, and kills one of them."""

    def __init__(
        self, children: Processes, settings: dict[str, str], queue: str, folder: Path
    ) -> None:
        self.kill: Kill | None = None
        self._said: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._workers = {
            name: children.start(
                "jobhopper.demo.work", [queue, name], settings, folder / LOG, listen=True
            )
            for name in NAMES
        }
        for name, worker in self._workers.items():
            Thread(target=self._listen, args=(name, worker), daemon=True).start()

    def try_to_kill(self, client: Client) -> Kill | None:
        """Kills the worker that has said since the last call that it is at the slow job.

        The server has to say so too. Returns None when it is not the time.
        """
        try:
            name, job_id = self._said.get_nowait()
        except Empty:
            return None
        job = client.job(job_id)
        if job.status != "running" or job.worker != name:
            return None
        worker = self._workers[name]
        worker.kill()
        self.kill = Kill(name, worker.pid, job)
        return self.kill

    def check(self) -> None:
        """Raises WorkStoppedError when a worker has ended that was not killed on purpose."""
        for name, worker in self._workers.items():
            meant = self.kill is not None and self.kill.worker == name
            if worker.poll() is not None and not meant:
                raise WorkStoppedError(f"{name} ended by itself with code {worker.returncode}")

    def _listen(self, name: str, worker: Process) -> None:
        if worker.stdout is None:
            return
        with worker.stdout as lines:
            for line in lines:
                self._said.put((name, json.loads(line)["holds"]))
