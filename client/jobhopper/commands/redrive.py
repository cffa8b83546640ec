"""`jobhopper redrive`: sends failed or cancelled jobs round again."""

from jobhopper.commands.arguments import client_of
from jobhopper.commands.each_job import for_each, parse


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    arguments = parse("redrive", "Sends failed or cancelled jobs round again, as if new.", argv)
    with client_of(arguments) as client:
        return for_each(arguments.ids, client.redrive, as_json=arguments.json)
