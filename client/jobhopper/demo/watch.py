"""Waits for the jobs to come to their ends, and has one worker killed meanwhile."""

import time

from jobhopper.client import Client
from jobhopper.demo.crew import Crew, Kill
from jobhopper.demo.faults import WorkStoppedError
from jobhopper.demo.library import module_name
from jobhopper.demo.progress import Display
from jobhopper.demo.work import LEASE
from jobhopper.job import FINAL_STATUSES

_GLANCE_SECONDS = 0.1
# Without any job coming to its end for so long, something is wrong.
_STANDSTILL_SECONDS = 20.0


def wait_for_the_ends(client: Client, queue: str, crew: Crew, total: int, shown: Display) -> Kill:
    """Returns, once `total` jobs have ended, which worker was killed.

    Raises WorkStoppedError when nothing moves, or no worker could be killed.
    """
    ended, moved_at = 0, time.monotonic()
    while ended < total:
        time.sleep(_GLANCE_SECONDS)
        crew.check()
        _kill_one(client, crew, shown)
        before, ended = ended, _ended(client, queue)
        shown.show(ended)
        moved_at = time.monotonic() if ended != before else moved_at
        if time.monotonic() - moved_at > _STANDSTILL_SECONDS:
            raise WorkStoppedError(f"{total - ended} jobs do not end; the queue stands still")
    if crew.kill is None:
        raise WorkStoppedError("no worker was seen at the slow job, so none could be killed")
    return crew.kill


def _ended(client: Client, queue: str) -> int:
    depth = client.queue(queue).depth
    return sum(depth[status] for status in FINAL_STATUSES)


def _kill_one(client: Client, crew: Crew, shown: Display) -> None:
    kill = crew.try_to_kill(client)
    if kill is not None:
        module = module_name(kill.job.payload["file"])
        shown.say(f"kill -9 {kill.pid}: {kill.worker} dies while it is at {module}")
        shown.say(f"Its jobs stay leased to it for up to {LEASE} s; then the other one gets them.")
