"""Doing one thing to each of several jobs."""

import argparse
from collections.abc import Callable

from jobhopper.commands.arguments import add_json, new_parser
from jobhopper.commands.output import complain, plain, write, write_json
from jobhopper.commands.tables import status_text
from jobhopper.errors import ApiError
from jobhopper.job import Job

_REFUSED = 1


def parse(name: str, description: str, argv: list[str]) -> argparse.Namespace:
    """The arguments of a command that takes ids of jobs."""
    parser = new_parser(name, description)
    parser.add_argument("ids", metavar="ID", nargs="+")
    add_json(parser)
    return parser.parse_args(argv)


def for_each(ids: list[str], change: Callable[[str], Job], *, as_json: bool) -> int:
    """Calls `change` with each id and writes what became of the job.

    One that is refused does not keep the others from their turn; the exit code is 1 then.
    """
    code = 0
    for job_id in ids:
        try:
            _write(change(job_id), as_json=as_json)
        except ApiError as error:
            complain(f"{job_id}: {error}")
            code = _REFUSED
    return code


def _write(job: Job, *, as_json: bool) -> None:
    if as_json:
        write_json(job.data)
    else:
        write(plain(f"{job.id}  {status_text(job)}"))
