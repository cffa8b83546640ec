"""`jobhopper audit`: says whether what was accepted, kept, offered and leased agrees."""

from dataclasses import asdict

from jobhopper.audit import Audit
from jobhopper.commands.arguments import add_json, client_of, new_parser
from jobhopper.commands.output import write, write_json, write_table
from jobhopper.commands.tables import time_text

_MEANINGS = {
    "accepted": "accepted jobs are in the table",
    "leases": "leases that ran out have ended",
    "schedule": "scheduled jobs whose time has come are queued",
    "offered": "queued jobs below the horizon are in the hopper",
    "held": "jobs in the hopper are queued",
    "counters": "depths say what the table holds",
}


def main(argv: list[str]) -> int:
    """Runs the command; returns 1 when something disagrees."""
    parser = new_parser("audit", "Shows the newest audit; exit code 1 when something disagrees.")
    add_json(parser)
    arguments = parser.parse_args(argv)
    with client_of(arguments) as client:
        audit = client.audit()
    if arguments.json:
        write_json({"at": time_text(audit.at), "checks": [asdict(c) for c in audit.checks]})
    else:
        _show(audit)
    return 1 if audit.drift else 0


def _show(audit: Audit) -> None:
    rows = [
        (c.name, c.compared, c.drift, _MEANINGS.get(c.name, ""), "; ".join(c.examples))
        for c in audit.checks
    ]
    write_table(("CHECK", "COMPARED", "DRIFT", "HAS TO BE SO", "EXAMPLES"), rows)
    write(f"Made at {time_text(audit.at)}.")
