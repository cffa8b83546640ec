"""What the demo shows at its end."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jobhopper.demo.accounts import Accounts
from jobhopper.demo.library import module_name
from jobhopper.demo.suggestions import Suggestion
from jobhopper.job import Job

_SLOWEST = 5


def show(
    console: Console, accounts: Accounts, held: Job, suggestions: Sequence[Suggestion]
) -> None:
    """Writes the accounts, the slowest files, and what to try next."""
    console.print()
    console.print(_section("What became of the jobs, read back from the server", _counts(accounts)))
    console.print(Padding(_takeover_line(accounts, held), (1, 0, 1, 2), expand=False))
    console.print(_section("Slowest to compile", _slowest(accounts.slowest(_SLOWEST))))
    console.print()
    console.print(Text("What to try next", style="bold"))
    for suggestion in suggestions:
        # Whole lines, however long, so that they can be copied.
        console.print(Text(f"  # {suggestion.purpose}", style="dim"), soft_wrap=True)
        console.print(Text(f"  {suggestion.command}", style="cyan"), soft_wrap=True)


def _section(title: str, body: Table) -> Group:
    return Group(Text(title, style="bold"), Padding(body, (0, 0, 0, 2), expand=False))


def _counts(accounts: Accounts) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_column(style="dim")
    for count, name, remark in _rows(accounts):
        table.add_row(count, name, remark)
    return table


def _rows(accounts: Accounts) -> list[tuple[str, str, str]]:
    speed = len(accounts.jobs) / accounts.seconds
    return [
        (f"{len(accounts.done):,}", "done", ""),
        (f"{len(accounts.failed):,}", "failed", "as planned: they name files that are not there"),
        (f"{len(accounts.retried):,}", "retried", "done after an attempt that failed, as planned"),
        (
            f"{len(accounts.taken_over):,}",
            "taken over",
            f"from {accounts.killed}, which was killed",
        ),
        (f"{speed:,.0f}", "jobs/s", f"in {accounts.seconds:.1f} s, with the pause for the lease"),
        (f"{accounts.lines:,}", "lines of code", ""),
    ]


def _takeover_line(accounts: Accounts, held: Job) -> Text:
    job = next(job for job in accounts.taken_over if job.id == held.id)
    return Text.assemble(
        (module_name(job.payload["file"]), "bold"),
        f" was begun by {accounts.killed}, which was killed with -9 in the middle of it;"
        f" its lease ran out, and {job.worker} finished it in attempt {job.attempt}.",
    )


def _slowest(jobs: Sequence[Job]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("module")
    table.add_column("lines", justify="right")
    table.add_column("ms", justify="right")
    for job in jobs:
        result = job.result
        table.add_row(
            module_name(result["file"]), f"{result['lines']:,}", f"{result['compile_ms']:.0f}"
        )
    return table
