"""`jobhopper job`: shows one job with its unsuccessful attempts."""

from jobhopper.commands.arguments import add_json, client_of, new_parser
from jobhopper.commands.output import plain, write, write_json
from jobhopper.commands.tables import error_line, failures_text, status_text, time_text
from jobhopper.job import Attempt, Job
from jobhopper.json_text import Json, encode


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = new_parser("job", "Shows one job.")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--wait", type=float, metavar="SECONDS", help="wait for its end first")
    add_json(parser)
    arguments = parser.parse_args(argv)
    with client_of(arguments) as client:
        if arguments.wait is None:
            job = client.job(arguments.id)
        else:
            job = client.wait_finished(arguments.id, arguments.wait)
    if arguments.json:
        write_json(job.data)
    else:
        _write(job)
    return 0


def _write(job: Job) -> None:
    for name, value in _fields(job).items():
        if value not in {None, ""}:
            write(f"{name:<9} {plain(value)}")
    for attempt in job.attempts:
        write(f"  {plain(_attempt_line(attempt))}")
    if isinstance(job.error, dict) and isinstance(job.error.get("traceback"), str):
        _write_traceback(job.error["traceback"])


def _fields(job: Job) -> dict[str, str | None]:
    return {
        "id": job.id,
        "queue": job.queue,
        "type": job.type,
        "status": status_text(job),
        "priority": None if job.priority is None else str(job.priority),
        "run at": time_text(job.run_at),
        "created": time_text(job.created_at),
        "finished": time_text(job.finished_at),
        "worker": job.worker,
        "payload": _json(job.payload),
        "progress": _json(job.progress),
        "result": _json(job.result),
        "error": error_line(job.error),
        "failures": None if job.max_attempts is None else failures_text(job),
        "attempts": str(job.attempt),
    }


def _attempt_line(attempt: Attempt) -> str:
    head = f"{attempt.attempt}: {attempt.outcome} {time_text(attempt.ended_at)}"
    worker = f" on {attempt.worker}" if attempt.worker else ""
    error = error_line(attempt.error)
    return head + worker + (f": {error}" if error else "")


def _write_traceback(text: str) -> None:
    for line in text.splitlines():
        write(f"  {plain(line)}")


def _json(value: Json) -> str | None:
    return None if value is None else encode(value).decode()
