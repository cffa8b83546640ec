"""`jobhopper jobs`: lists jobs, newest first."""

from itertools import islice
from typing import Literal

from jobhopper.commands.arguments import add_json, client_of, new_parser
from jobhopper.commands.tables import write_jobs

_PAGE_MAX = 500
_SILENCED: dict[str, bool | Literal["any"]] = {"false": False, "true": True, "any": "any"}


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = new_parser("jobs", "Lists jobs, newest first.")
    parser.add_argument("--queue")
    parser.add_argument("--status", help="scheduled, queued, running, succeeded, failed, cancelled")
    parser.add_argument("--type")
    parser.add_argument("--error-contains", metavar="TEXT")
    parser.add_argument(
        "--silenced", choices=list(_SILENCED), default="false", help="default: false"
    )
    parser.add_argument("--limit", type=int, default=20, help="how many at most; default 20")
    add_json(parser)
    arguments = parser.parse_args(argv)
    if arguments.limit < 1:
        parser.error("--limit must be 1 or more")
    with client_of(arguments) as client:
        found = client.jobs(
            queue=arguments.queue,
            status=arguments.status,
            type=arguments.type,
            error_contains=arguments.error_contains,
            silenced=_SILENCED[arguments.silenced],
            page_size=min(arguments.limit, _PAGE_MAX),
        )
        write_jobs(islice(found, arguments.limit), as_json=arguments.json)
    return 0
