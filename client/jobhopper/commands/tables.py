"""How jobs look in tables."""

from collections.abc import Iterable
from datetime import datetime

from jobhopper.commands.output import write_json, write_table
from jobhopper.job import Job
from jobhopper.json_text import Json, encode


def write_jobs(jobs: Iterable[Job], *, as_json: bool) -> None:
    """Jobs as a table, or one line of JSON each."""
    if as_json:
        for job in jobs:
            write_json(job.data)
        return
    headings = ("ID", "QUEUE", "TYPE", "STATUS", "PRIORITY", "FAILURES", "RUN AT", "ERROR")
    write_table(headings, [_row(job) for job in jobs])


def time_text(when: datetime | None) -> str:
    """A time in UTC to the second; empty for none."""
    return "" if when is None else when.strftime("%Y-%m-%d %H:%M:%SZ")


def error_line(error: Json) -> str:
    """An error in one line, whatever its shape."""
    if isinstance(error, dict) and "message" in error:
        return f"{error.get('type', 'error')}: {error['message']}"
    if error is None or isinstance(error, str):
        return error or ""
    return encode(error).decode()


def status_text(job: Job) -> str:
    """The status, and whether the job is silenced."""
    return f"{job.status}, silenced" if job.silenced else job.status


def failures_text(job: Job) -> str:
    """How many attempts failed since the creation or the last redrive, of how many."""
    return f"{job.failures}/{job.max_attempts}"


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.id,
        job.queue,
        job.type,
        status_text(job),
        job.priority,
        failures_text(job),
        time_text(job.run_at),
        error_line(job.error),
    )
