"""Which commands there are: those of this package, and those that other packages bring.

Another package brings one as an entry point of the group `jobhopper.commands`: a callable that
takes the list of arguments behind the command's name and returns an exit code.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TypeAlias

from jobhopper.errors import JobhopperError

Command: TypeAlias = Callable[[list[str]], int]

GROUP = "jobhopper.commands"

SUMMARIES = {
    "demo": "works a job for every module of Python's standard library",
    "dev": "starts the embedded server, with its data in one file",
    "create": "creates a job",
    "job": "shows one job",
    "jobs": "lists jobs, newest first",
    "top": "shows the jobs that would be claimed next",
    "queues": "lists the queues and how much they hold",
    "cancel": "ends jobs that have not finished",
    "redrive": "sends failed or cancelled jobs round again",
    "dead": "lists what could not be applied, and resends or drops it",
    "audit": "says whether all that was accepted is where it belongs",
    "version": "tells the version",
}

# Known by name, so that who lacks one learns what to install.
NEEDS_DEV = frozenset({"dev"})


class BrokenCommandError(JobhopperError):
    """A command that another package brings can't be loaded."""


def find(name: str) -> Command | None:
    """The command `name`, or None. Raises BrokenCommandError."""
    if name in SUMMARIES and name not in NEEDS_DEV:
        command: Command = import_module(f"jobhopper.commands.{name}").main
        return command
    return _brought(name)


def installed() -> list[str]:
    """The names of all commands, this package's own in the order of use."""
    brought = {entry.name for entry in entry_points(group=GROUP)}
    own = [name for name in SUMMARIES if name not in NEEDS_DEV or name in brought]
    return own + sorted(brought.difference(own))


def _brought(name: str) -> Command | None:
    for entry in entry_points(group=GROUP, name=name):
        try:
            command: Command = entry.load()
        except Exception as error:
            # The other package's code runs here for the first time: anything may go wrong.
            raise BrokenCommandError(f'the command "{name}" can\'t be loaded: {error}') from error
        return command
    return None
