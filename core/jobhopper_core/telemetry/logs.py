"""Structured logs: one JSON object a line on stderr.

A line has `time`, `level`, `event`, `logger`, and what the caller passed as `extra`. Payloads,
results, errors of jobs, keys and tokens are never passed.
"""

import logging
import sys
import time

import msgspec

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.model.times import to_text

LEVELS = ("debug", "info", "warning", "error")
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class JsonFormatter(logging.Formatter):
    """Makes the line of a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": to_text(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        line |= {k: v for k, v in vars(record).items() if k not in _OWN}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def set_up_logs(level: str) -> None:
    """Sends all logs of this process to stderr as JSON. Raises ConfigurationError."""
    if level.lower() not in LEVELS:
        raise ConfigurationError(
            f"JOBHOPPER_LOG_LEVEL is {level!r}; it must be one of {', '.join(LEVELS)}."
        )
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for library in ("alembic", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # Six lines and a traceback for each attempt to connect; `rabbitmq_lost` has the reason in one.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
