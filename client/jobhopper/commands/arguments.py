"""The arguments that commands share, and a parser that complains in one line."""

import argparse
import sys
from typing import NoReturn

from jobhopper.client import Client
from jobhopper.commands.output import complain

_CALLED_WRONGLY = 2
# Who sits at a terminal would rather know at once that the server is away.
_RETRY_FOR = 2.0


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong in one line and where to read more."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with exit code 2."""
        complain(f'{message} (see "{self.prog} --help")')
        sys.exit(_CALLED_WRONGLY)


def new_parser(name: str, description: str) -> CommandParser:
    """A parser for the command `name` with the arguments that lead to the server."""
    parser = CommandParser(prog=f"jobhopper {name}", description=description)
    parser.add_argument("--url", help="the server's URL (default: JOBHOPPER_URL)")
    parser.add_argument("--key", help="the API key (default: JOBHOPPER_KEY, which ps can't show)")
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument("--json", action="store_true", help="write JSON, one line an item")


def client_of(arguments: argparse.Namespace) -> Client:
    """The client for `--url` and `--key`."""
    return Client(arguments.url, arguments.key, retry_for=_RETRY_FOR)
