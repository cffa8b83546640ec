"""`jobhopper queues`: lists the queues and how much they hold."""

from dataclasses import asdict

from jobhopper.commands.arguments import add_json, client_of, new_parser
from jobhopper.commands.output import write_json, write_table
from jobhopper.queue_info import Queue

_DEPTHS = ("scheduled", "queued", "running", "succeeded", "failed", "cancelled", "silenced")


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = new_parser("queues", "Lists the queues and how much they hold.")
    add_json(parser)
    arguments = parser.parse_args(argv)
    with client_of(arguments) as client:
        queues = list(client.queues())
    if arguments.json:
        for queue in queues:
            write_json(asdict(queue))
    else:
        headings = ("QUEUE", *(depth.upper() for depth in _DEPTHS), "OLDEST READY", "PAUSED")
        write_table(headings, [_row(queue) for queue in queues])
    return 0


def _row(queue: Queue) -> tuple[object, ...]:
    age = "" if queue.oldest_ready_age is None else f"{queue.oldest_ready_age:.1f} s"
    depths = (queue.depth.get(status, 0) for status in _DEPTHS)
    return (queue.name, *depths, age, "yes" if queue.paused else "")
