"""`jobhopper top`: shows the jobs that would be claimed next."""

from jobhopper.commands.arguments import add_json, client_of, new_parser
from jobhopper.commands.output import write_json, write_table
from jobhopper.commands.tables import failures_text, time_text
from jobhopper.job import Job
from jobhopper.json_text import encode


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = new_parser("top", "Shows the jobs of a queue that would be claimed next.")
    parser.add_argument("queue", metavar="QUEUE")
    parser.add_argument("-n", type=int, default=5, metavar="COUNT", help="how many; default 5")
    add_json(parser)
    arguments = parser.parse_args(argv)
    with client_of(arguments) as client:
        jobs = client.top(arguments.queue, arguments.n)
    if arguments.json:
        for job in jobs:
            write_json(job.data)
    else:
        headings = ("ID", "TYPE", "PRIORITY", "RUN AT", "FAILURES", "PAYLOAD")
        write_table(headings, [_row(job) for job in jobs])
    return 0


def _row(job: Job) -> tuple[object, ...]:
    payload = encode(job.payload).decode()
    return (job.id, job.type, job.priority, time_text(job.run_at), failures_text(job), payload)
