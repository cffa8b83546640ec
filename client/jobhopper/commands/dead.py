"""`jobhopper dead`: lists the dead letters, sends them back, drops them."""

from collections.abc import Callable

from jobhopper.client import Client
from jobhopper.commands.arguments import CommandParser, add_json, client_of, new_parser
from jobhopper.commands.output import complain, plain, write, write_json, write_table
from jobhopper.commands.tables import time_text
from jobhopper.dead_letter import DeadLetter, DeadLetters
from jobhopper.errors import ApiError

_REFUSED = 1


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    action, ids = arguments.action, arguments.ids
    if bool(ids) == (action == "list"):
        parser.error("list takes no ID" if ids else f"{action} needs an ID")
    with client_of(arguments) as client:
        if action == "list":
            _show(client.dead_letters(arguments.limit), as_json=arguments.json)
            return 0
        return _settle(ids, *_change(client, action))


def _parser() -> CommandParser:
    parser = new_parser("dead", "Lists messages that could not be applied, resends or drops them.")
    parser.add_argument("action", choices=["list", "resend", "drop"])
    parser.add_argument("ids", metavar="ID", nargs="*", help="as the list shows it")
    parser.add_argument("--limit", type=int, default=50, help="how many at most; default 50")
    add_json(parser)
    return parser


def _change(client: Client, action: str) -> tuple[Callable[[str], None], str]:
    if action == "resend":
        return client.resend_dead_letter, "resent"
    return client.drop_dead_letter, "dropped"


def _settle(ids: list[str], change: Callable[[str], None], done: str) -> int:
    # One that is refused does not keep the others from their turn.
    code = 0
    for one in ids:
        try:
            change(one)
        except ApiError as error:
            complain(f"{one}: {error}")
            code = _REFUSED
        else:
            write(plain(f"{one}  {done}"))
    return code


def _show(found: DeadLetters, *, as_json: bool) -> None:
    if as_json:
        for letter in found.letters:
            write_json(letter.data)
        return
    headings = ("ID", "DIED AT", "CAME FROM", "QUEUE", "WRITES", "CODE", "ERROR")
    write_table(headings, [_row(letter) for letter in found.letters])
    if found.more:
        write("More wait behind these.")


def _row(letter: DeadLetter) -> tuple[object, ...]:
    origin = None if letter.lane is None else f"{letter.lane}.{letter.shard}"
    return (
        letter.id,
        time_text(letter.died_at),
        origin,
        letter.queue,
        letter.writes,
        letter.code,
        letter.error,
    )
