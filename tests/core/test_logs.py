"""Logs: a line of JSON each, with the event's name and what came along."""

import ast
import json
import logging
import sys
from pathlib import Path

import pytest

import jobhopper_core
from jobhopper_core.errors import ConfigurationError
from jobhopper_core.telemetry.events import EVENTS
from jobhopper_core.telemetry.logs import JsonFormatter, set_up_logs

LOGGING = {"debug", "info", "warning", "error", "exception", "critical"}


def a_record(**extra: object) -> logging.LogRecord:
    record = logging.LogRecord("jobhopper.x", logging.INFO, "f.py", 1, "started", None, None)
    record.created = 1_790_000_000.25
    vars(record).update(extra)
    return record


def line_of(record: logging.LogRecord) -> dict[str, object]:
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_time_level_event_logger_and_what_came_along() -> None:
    assert line_of(a_record(queue="mail", jobs=3)) == {
        "time": "2026-09-21T14:13:20.250000Z",
        "level": "info",
        "event": "started",
        "logger": "jobhopper.x",
        "queue": "mail",
        "jobs": 3,
    }


def test_what_json_does_not_know_is_written_as_its_text() -> None:
    assert line_of(a_record(path=Path("/a\nb")))["path"] == "/a\nb"


def test_a_fault_brings_its_traceback_in_the_same_line() -> None:
    record = a_record()
    try:
        raise LookupError("here")
    except LookupError:
        record.exc_info = sys.exc_info()
    assert "LookupError: here" in str(line_of(record)["traceback"])


@pytest.fixture
def root() -> object:
    """The root logger, put back as it was afterwards."""
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], logger.level = before


def test_logs_of_the_level_and_above_go_to_stderr(
    root: object, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("Warning")
    logging.getLogger("any").info("stopping")
    logging.getLogger("any").warning("stopped")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(line)["event"] for line in captured.err.splitlines()] == ["stopped"]


def test_an_unknown_level_stops_the_process() -> None:
    with pytest.raises(ConfigurationError, match="JOBHOPPER_LOG_LEVEL is 'loud'"):
        set_up_logs("loud")


def logged_events() -> list[tuple[str, object]]:
    """The first argument of each call of a module's `_log`, in all packages."""
    found = []
    root = Path(jobhopper_core.__file__).parents[2]
    files = [f for part in ("core", "services", "jobs") for f in (root / part).rglob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                is_log = isinstance(owner, ast.Name) and owner.id == "_log"
                if is_log and node.func.attr in LOGGING:
                    first = node.args[0]
                    found.append((str(file), getattr(first, "value", None) or first))
    return found


def test_every_event_that_is_logged_is_named_in_the_list() -> None:
    # A name that is a variable can't be read here: it is one of the loops', which pass literals.
    literal = [(file, event) for file, event in logged_events() if isinstance(event, str)]
    assert literal
    assert [(file, event) for file, event in literal if event not in EVENTS] == []
