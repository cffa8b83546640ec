"""`jobhopper version`: tells the version of this package."""

from jobhopper.commands.arguments import CommandParser, add_json
from jobhopper.commands.output import write, write_json
from jobhopper.version import __version__


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(prog="jobhopper version", description="Tells the version.")
    add_json(parser)
    if parser.parse_args(argv).json:
        write_json({"version": __version__})
    else:
        write(f"jobhopper {__version__}")
    return 0
