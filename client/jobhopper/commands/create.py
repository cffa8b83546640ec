"""`jobhopper create`: creates a job and writes its id."""

import sys
from datetime import datetime

from jobhopper.commands.arguments import add_json, client_of, new_parser
from jobhopper.commands.output import write, write_json
from jobhopper.errors import InvalidArgument
from jobhopper.json_text import Json, decode


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = new_parser("create", "Creates a job and writes its id.")
    parser.add_argument("queue", metavar="QUEUE")
    parser.add_argument("type", metavar="TYPE", help="what kind of work it is")
    parser.add_argument("payload", metavar="JSON", nargs="?", help="what to work on; - reads stdin")
    parser.add_argument("--priority", type=int, help="0 (first) to 9; default 5")
    parser.add_argument("--run-at", help="not before then: 2026-11-24T06:00:00Z")
    parser.add_argument("--max-attempts", type=int, help="1 to 100; default the queue's")
    add_json(parser)
    arguments = parser.parse_args(argv)
    with client_of(arguments) as client:
        job_id = client.create(
            arguments.queue,
            arguments.type,
            _payload(arguments.payload),
            priority=arguments.priority,
            run_at=_time(arguments.run_at),
            max_attempts=arguments.max_attempts,
        )
    if arguments.json:
        write_json({"id": job_id})
    else:
        write(job_id)
    return 0


def _payload(text: str | None) -> Json:
    if text is None:
        return None
    try:
        return decode((sys.stdin.read() if text == "-" else text).encode())
    except ValueError as error:
        raise InvalidArgument(
            f"the payload is not JSON: {error}; text needs quotes: '\"hello\"'"
        ) from error


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument(f"--run-at {text} is no time like 2026-11-24T06:00:00Z") from error
