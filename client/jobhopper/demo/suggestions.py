"""Three commands to go on with, that work as they are printed."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from jobhopper.client import Client
from jobhopper.demo.accounts import Accounts
from jobhopper.demo.server import DATABASE


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A command and what it is good for."""

    purpose: str
    command: str


def after_own_server(accounts: Accounts, queue: str, folder: Path) -> list[Suggestion]:
    """The demo's database stays, so that its jobs can be looked at."""
    return [
        Suggestion(
            "serve the same jobs here; delete the folder when you are done",
            _line("dev", "--db", str(folder / DATABASE)),
        ),
        Suggestion(
            "then, in another one: which failed, and why",
            _line("jobs", "--queue", queue, "--status", "failed"),
        ),
        Suggestion("give one of them another round", _line("redrive", accounts.failed[0].id)),
    ]


def after_running_server(
    accounts: Accounts, queue: str, held: str, client: Client
) -> list[Suggestion]:
    """The jobs are still on the server; a key is never shown."""
    url = client.url
    note = " (with JOBHOPPER_KEY set)" if "JOBHOPPER_KEY" in client.settings else ""
    return [
        Suggestion(
            f"which jobs failed, and why{note}",
            _line("jobs", "--url", url, "--queue", queue, "--status", "failed"),
        ),
        Suggestion("the job that was taken over", _line("job", "--url", url, held)),
        Suggestion(
            "give a failed one another round",
            _line("redrive", "--url", url, accounts.failed[0].id),
        ),
    ]


def _line(*arguments: str) -> str:
    return f"{_own_name()} {shlex.join(arguments)}"


def _own_name() -> str:
    """How this program can be called from here."""
    called = Path(sys.argv[0])
    found = shutil.which("jobhopper")
    if called.name != "jobhopper":
        return f"{shlex.quote(sys.executable)} -m jobhopper"
    if found and Path(found).samefile(called):
        return "jobhopper"
    absolute = called.resolve()
    here = Path.cwd()
    return shlex.quote(str(absolute.relative_to(here) if here in absolute.parents else absolute))
