"""What of a library's error goes to a log."""

import pytest
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorAMQPHandshakeError,
)
from pika.exceptions import AMQPConnectionError, ProbableAuthenticationError

from jobhopper_core.telemetry.reason import reason_of

_REFUSED = ProbableAuthenticationError("refused")


@pytest.mark.parametrize(
    "wrapped",
    [
        _REFUSED,
        AMQPConnectionError(_REFUSED),
        AMQPConnectorAMQPHandshakeError(_REFUSED),
        AMQPConnectionWorkflowFailed([OSError("first"), AMQPConnectorAMQPHandshakeError(_REFUSED)]),
    ],
)
def test_the_innermost_error_is_named_with_its_words(wrapped: Exception) -> None:
    assert reason_of(wrapped).startswith("ProbableAuthenticationError: ")
    assert "refused" in reason_of(wrapped)


def test_it_is_one_line_of_bounded_length() -> None:
    said = reason_of(OSError("a\n" + "b" * 1_000))
    assert "\n" not in said
    assert len(said) == 300


def test_an_error_without_words_is_named() -> None:
    assert reason_of(TimeoutError()) == "TimeoutError"
