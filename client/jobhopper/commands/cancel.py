"""`jobhopper cancel`: ends jobs that have not finished."""

from jobhopper.commands.arguments import client_of
from jobhopper.commands.each_job import for_each, parse


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    arguments = parse("cancel", "Ends jobs that have not finished.", argv)
    with client_of(arguments) as client:
        return for_each(arguments.ids, client.cancel, as_json=arguments.json)
