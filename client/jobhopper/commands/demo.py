"""`jobhopper demo`: works a job for every module of Python's standard library."""

from importlib.util import find_spec

from jobhopper.commands.arguments import new_parser
from jobhopper.commands.output import complain

_CALLED_WRONGLY = 2


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code, 1 when a job is not accounted for."""
    parser = new_parser(
        "demo",
        "Works a job for every module of Python's standard library with two workers, kills one "
        "of them on the way, and shows what became of every job. Without --url it starts a "
        "server of its own.",
    )
    arguments = parser.parse_args(argv)
    if find_spec("rich") is None:
        complain('the demo needs more than the client: pip install "jobhopper[dev]"')
        return _CALLED_WRONGLY
    # Only now, because it needs rich.
    from jobhopper.demo.script import run  # noqa: PLC0415

    return run(arguments.url, arguments.key)
