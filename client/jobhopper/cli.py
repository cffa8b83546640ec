"""The command line: finds the command, runs it, turns its errors into one line.

Exit codes: 0 done; 1 refused, or done in part; 2 called wrongly; 3 the server can't be reached;
130 interrupted.
"""

import os
import sys

from jobhopper.commands.output import complain, write
from jobhopper.commands.registry import NEEDS_DEV, SUMMARIES, find, installed
from jobhopper.errors import ConnectionFailed, InvalidArgument, JobhopperError, Unavailable
from jobhopper.version import __version__

REFUSED = 1
CALLED_WRONGLY = 2
NOT_REACHED = 3
INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Runs `jobhopper` with `argv`, default the process's own; returns the exit code."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or [""]
    if name in {"", "-h", "--help", "help"}:
        _write_help()
        return CALLED_WRONGLY if name == "" else 0
    try:
        return _run("version" if name == "--version" else name, rest)
    except SystemExit as end:
        # argparse ends so, after --help and after its own complaint.
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except (JobhopperError, OSError) as error:
        complain(str(error))
        return _code_of(error)


def _run(name: str, rest: list[str]) -> int:
    command = find(name)
    if command is not None:
        return command(rest)
    if name in NEEDS_DEV:
        complain(f'"{name}" comes with the embedded server: pip install "jobhopper[dev]"')
    else:
        complain(f'there is no command "{name}"; "jobhopper --help" lists them')
    return CALLED_WRONGLY


def _code_of(error: Exception) -> int:
    if isinstance(error, ConnectionFailed | Unavailable):
        return NOT_REACHED
    return CALLED_WRONGLY if isinstance(error, InvalidArgument) else REFUSED


def _reader_left() -> int:
    # `jobhopper jobs | head`: Python would complain again when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return REFUSED


def _write_help() -> None:
    write(f"jobhopper {__version__}, the command line of the Jobhopper job queue\n")
    write("usage: jobhopper COMMAND …\n")
    for name in installed():
        write(f"  {name:<9} {SUMMARIES.get(name, '')}".rstrip())
    write("\nEach command explains itself with --help. JOBHOPPER_URL and JOBHOPPER_KEY say which")
    write("server to use and how to be let in.")
