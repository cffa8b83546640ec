"""The demo's course: create, work, kill one worker, wait, read back, check, show."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from jobhopper.client import Client
from jobhopper.demo import accounts, library, plan, report, server, suggestions
from jobhopper.demo.crew import Crew, Kill
from jobhopper.demo.folder import folder_for
from jobhopper.demo.processes import Processes, processes
from jobhopper.demo.progress import display
from jobhopper.demo.watch import wait_for_the_ends
from jobhopper.errors import Forbidden

# Who watches would rather know soon that the server is away.
_RETRY_FOR = 5.0
# The jobs of the killed worker are to come back at once.
_BACKOFF = {"base": 0.1, "factor": 1.0, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one run takes place; `own` when the server is the demo's."""

    console: Console
    client: Client
    queue: str
    children: Processes
    folder: Path
    own: bool


def run(url: str | None, key: str | None) -> int:
    """Runs the demo against the server at `url`, or one of its own; returns the exit code.

    Raises JobhopperError: NotAccountedForError where a job was lost or ended in another way.
    """
    console = Console(highlight=False)
    own = url is None
    with folder_for(keep=own) as folder, processes() as children:
        queue = "demo" if own else f"demo-{secrets.token_hex(3)}"
        with (
            _server(console, children, folder)
            if own
            else Client(url, key, retry_for=_RETRY_FOR) as client
        ):
            _play(Stage(console, client, queue, children, folder, own))
    return 0


def _server(console: Console, children: Processes, folder: Path) -> Client:
    with console.status("Starting a server …"):
        return server.start(children, folder)


def _play(stage: Stage) -> None:
    ids = _create(stage)
    kill = _work(stage, len(ids))
    with stage.console.status("Reading every job back …"):
        found = accounts.read(stage.client, stage.queue, kill.worker)
    accounts.check(found, ids, kill.job.id, stage.client.queue(stage.queue).depth)
    report.show(stage.console, found, kill.job, _suggestions(stage, found, kill))


def _create(stage: Stage) -> list[str]:
    # Who may not change queues just waits a little longer for the lost jobs.
    with suppress(Forbidden):
        stage.client.change_queue(stage.queue, backoff=_BACKOFF)
    files = library.files()
    ids = stage.client.create_many(plan.jobs(stage.queue, files))
    stage.console.print(
        f"Created {len(ids)} jobs at {stage.client.url}: one for each of the {len(files)} modules"
        f" of Python's standard library, and {len(ids) - len(files)} that can only fail.",
        soft_wrap=not stage.console.is_terminal,
    )
    return ids


def _work(stage: Stage, total: int) -> Kill:
    crew = Crew(stage.children, stage.client.settings, stage.queue, stage.folder)
    with display(stage.console, "Working", total) as shown:
        return wait_for_the_ends(stage.client, stage.queue, crew, total, shown)


def _suggestions(
    stage: Stage, found: accounts.Accounts, kill: Kill
) -> list[suggestions.Suggestion]:
    if stage.own:
        return suggestions.after_own_server(found, stage.queue, stage.folder)
    return suggestions.after_running_server(found, stage.queue, kill.job.id, stage.client)
